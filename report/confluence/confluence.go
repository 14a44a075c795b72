// Package confluence publishes pages to Confluence: to Cloud through its REST API v2 (uploads through v1, since v2 has
// none), to Data Center through v1.
//
// Publishing is idempotent. The message of the version that it writes carries the hash of what was written, so that the
// next time shows whether anything is new, and whether the newest version is still its own: what a person has edited
// since is left alone unless forced.
package confluence

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/slowtoken/slowtoken/report/page"
)

// A Site is a Confluence and the account to write as.
type Site struct {
	// URL is where it is: https://example.atlassian.net for Cloud, the base URL of the server for Data Center.
	URL string
	// Email and Token are an account of Cloud with an API token. Without Email the site is a Data Center, and Token a
	// personal access token.
	Email, Token string
}

// A Page is what is published.
type Page struct {
	Space  string // the key of the space
	Parent string // the id of the page above; empty for the space's top, or where the page is already
	Title  string
	Body   []byte // in storage format
	Images []Image
}

// An Image is an attached PNG that the body shows.
type Image struct {
	Name    string // of the file
	Content []byte
}

// An Action is what publishing did, or in a dry run would do.
type Action string

// The actions.
const (
	Created   Action = "created"
	Updated   Action = "updated"
	Unchanged Action = "unchanged"
)

// A Result says what became of a page.
type Result struct {
	Action  Action
	ID      string // empty while the page is not there
	Version int    // of the page as it is now
	URL     string // to look at it
	Images  int    // attachments that were written
}

// Options say how to publish.
type Options struct {
	Force  bool // overwrite what a person wrote, and move the page below Parent
	DryRun bool // read, write nothing
}

// A Client publishes to one site.
type Client struct {
	base  *url.URL
	site  Site
	http  *http.Client
	pages pages
	// pause waits, or returns early with the context's error.
	pause func(context.Context, time.Duration) error
}

// pages is what publishing needs of either version of the API.
type pages interface {
	// find returns the page of that title in the space, or nil.
	find(ctx context.Context, space, title string) (*found, error)
	create(ctx context.Context, p *Page, message string) (*found, error)
	// update writes the version after old's.
	update(ctx context.Context, old *found, p *Page, message string) (*found, error)
	attachments(ctx context.Context, id string) ([]attachment, error)
}

// An attachment is a file that a page has.
type attachment struct{ id, name, comment string }

// A found is a page as the site has it.
type found struct {
	id, parent, author string
	version            int
	message            string // of its newest version
	link               string // to look at it
}

// NewClient returns a client of site. A token is sent over plain HTTP to this machine only.
func NewClient(site Site) (*Client, error) {
	base, err := url.Parse(strings.TrimRight(site.URL, "/"))
	if err != nil || base.Host == "" || base.Scheme != "https" && base.Scheme != "http" {
		return nil, fmt.Errorf("the Confluence URL %q is none: give one such as https://example.atlassian.net", site.URL)
	}
	if base.User != nil {
		return nil, errors.New("the Confluence URL holds an account: give its token in the environment or in a file instead")
	}
	if base.Scheme == "http" && !loopback(base.Hostname()) {
		return nil, fmt.Errorf("the token would go to %s in the clear: give an https URL", base.Host)
	}
	if site.Token == "" {
		return nil, errors.New("there is no Confluence token: set CONFLUENCE_TOKEN, or name a file that holds it")
	}
	c := &Client{base: base, site: site, http: &http.Client{Timeout: time.Minute}, pause: pause}
	if site.Email != "" {
		if !strings.HasSuffix(base.Path, "/wiki") {
			base.Path += "/wiki"
		}
		c.pages = &cloud{c}
	} else {
		c.pages = &dataCenter{c}
	}
	return c, nil
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// mark begins the message of every version that this program writes; the hash of the content follows.
const mark = "slowtoken sha256:"

func hash(content ...[]byte) string {
	h := sha256.New()
	for _, c := range content {
		fmt.Fprintf(h, "%d:", len(c))
		h.Write(c)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Publish creates the page, or updates the one of its title in its space. It writes nothing if nothing is new.
func (c *Client) Publish(ctx context.Context, p *Page, o Options) (Result, error) {
	if err := page.CheckStorage(p.Body); err != nil {
		return Result{}, fmt.Errorf("the page %q is not in Confluence's storage format, so it is not sent: %w", p.Title, err)
	}
	message := mark + hash(p.Body)
	old, err := c.pages.find(ctx, p.Space, p.Title)
	if err != nil {
		return Result{}, fmt.Errorf("looking for the page %q in space %s: %w", p.Title, p.Space, err)
	}
	if old != nil && !o.Force {
		if err := mayWrite(old, p, message); err != nil {
			return Result{}, err
		}
	}
	result, now, err := c.write(ctx, old, p, message, o)
	if err != nil {
		return result, fmt.Errorf("writing the page %q: %w", p.Title, err)
	}
	if now == nil { // a dry run, and the page is not there
		result.Images = len(p.Images)
		return result, nil
	}
	result.ID, result.Version, result.URL = now.id, now.version, c.link(now)
	result.Images, err = c.attach(ctx, now.id, p.Images, o.DryRun)
	if err != nil {
		return result, fmt.Errorf("attaching the pictures of the page %q: %w", p.Title, err)
	}
	if result.Images > 0 && result.Action == Unchanged {
		result.Action = Updated
	}
	return result, nil
}

// mayWrite returns an error if old is somebody else's work, or stands elsewhere.
func mayWrite(old *found, p *Page, message string) error {
	if p.Parent != "" && old.parent != p.Parent {
		return fmt.Errorf("a page %q exists in space %s below another page (%s): choose another title, or move it with --force", p.Title, p.Space, old.parent)
	}
	if !strings.HasPrefix(old.message, mark) {
		who := old.author
		if who == "" {
			who = "a person"
		}
		return fmt.Errorf("version %d of the page %q was written by %s: nothing is overwritten; choose another title, or use --force", old.version, p.Title, who)
	}
	return nil
}

// write creates or updates the page itself and returns it as it is then.
func (c *Client) write(ctx context.Context, old *found, p *Page, message string, o Options) (Result, *found, error) {
	moved := old != nil && p.Parent != "" && old.parent != p.Parent
	switch {
	case old == nil && o.DryRun:
		return Result{Action: Created}, nil, nil
	case old == nil:
		now, err := c.pages.create(ctx, p, message)
		return Result{Action: Created}, now, err
	case old.message == message && !moved:
		return Result{Action: Unchanged}, old, nil
	case o.DryRun:
		return Result{Action: Updated}, old, nil
	}
	now, err := c.pages.update(ctx, old, p, message)
	if status := new(statusError); errors.As(err, &status) && status.code == http.StatusConflict {
		// Somebody wrote a version between reading and writing. It is judged like any other, once.
		old, err = c.pages.find(ctx, p.Space, p.Title)
		if err == nil && old == nil {
			err = errors.New("somebody removed it meanwhile; publish again")
		}
		if err == nil && !o.Force {
			err = mayWrite(old, p, message)
		}
		if err == nil {
			now, err = c.pages.update(ctx, old, p, message)
		}
	}
	return Result{Action: Updated}, now, err
}

func (c *Client) link(p *found) string {
	if p.link == "" {
		return ""
	}
	return c.base.String() + p.link
}

// attach uploads the images that the page lacks or has with other content, and returns how many those are. The comment
// of an attachment carries the hash of its content.
func (c *Client) attach(ctx context.Context, id string, images []Image, dryRun bool) (written int, err error) {
	there, err := c.pages.attachments(ctx, id)
	if err != nil {
		return 0, err
	}
	for _, image := range images {
		comment := mark + hash(image.Content)
		i := slices.IndexFunc(there, func(a attachment) bool { return a.name == image.Name })
		if i >= 0 && there[i].comment == comment {
			continue
		}
		written++
		if dryRun {
			continue
		}
		path := "/rest/api/content/" + url.PathEscape(id) + "/child/attachment"
		if i >= 0 {
			path += "/" + url.PathEscape(there[i].id) + "/data"
		}
		if err := c.upload(ctx, path, image, comment); err != nil {
			return written - 1, err
		}
	}
	return written, nil
}

func (c *Client) upload(ctx context.Context, path string, image Image, comment string) error {
	var body bytes.Buffer
	kind, err := multipartImage(&body, image, comment)
	if err != nil {
		return err
	}
	return c.call(ctx, request{method: http.MethodPost, path: path, body: body.Bytes(), kind: kind}, nil)
}
