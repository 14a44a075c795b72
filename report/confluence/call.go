package confluence

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// A request is one call of the API. path begins below the site's URL and may hold a query.
type request struct {
	method, path string
	body         []byte
	kind         string // of body: its content type
}

// A statusError is an answer that is none of success.
type statusError struct {
	code   int
	method string
	path   string
	text   string // what the site says
}

func (e *statusError) Error() string {
	text := fmt.Sprintf("%s %s: the site answers %d %s", e.method, e.path, e.code, http.StatusText(e.code))
	if e.text != "" {
		text += ": " + e.text
	}
	switch e.code {
	case http.StatusUnauthorized:
		text += "; is the token right? Cloud wants the account's e-mail address (CONFLUENCE_EMAIL) beside it, Data Center does not"
	case http.StatusForbidden:
		text += "; the account may not do this in the space: it needs to add pages and attachments"
	case http.StatusGone:
		text += "; a Cloud site has this part of the API no more: set CONFLUENCE_EMAIL, which selects the new one"
	}
	return text
}

// Retries of an answer that says to come again.
const (
	attempts    = 6
	longestWait = 2 * time.Minute
)

// call sends a request and reads the answer into result, unless that is nil. Where the site is busy (429, 503) it comes
// again when the site says, at most attempts times. A page is never created twice by that: the site did not take the
// request.
func (c *Client) call(ctx context.Context, r request, result any) error {
	for attempt := 1; ; attempt++ {
		wait, err := c.try(ctx, r, result)
		if wait < 0 {
			return err
		}
		if attempt == attempts {
			return fmt.Errorf("after %d attempts: %w", attempts, err)
		}
		if wait == 0 {
			wait = time.Second << (attempt - 1)
		}
		if wait > longestWait {
			return fmt.Errorf("the site asks to come again in %v: %w", wait, err)
		}
		if err := c.pause(ctx, wait); err != nil {
			return err
		}
	}
}

// try sends a request once. wait is negative when that settled it, and else how long to wait; zero if the site does not
// say.
func (c *Client) try(ctx context.Context, r request, result any) (wait time.Duration, err error) {
	const settled = -1
	req, err := http.NewRequestWithContext(ctx, r.method, c.base.String()+r.path, bytes.NewReader(r.body))
	if err != nil {
		return settled, err
	}
	req.Header.Set("Accept", "application/json")
	if r.kind != "" {
		req.Header.Set("Content-Type", r.kind)
		// Without it the site takes an upload for a forged one.
		req.Header.Set("X-Atlassian-Token", "no-check")
	}
	if c.site.Email != "" {
		req.SetBasicAuth(c.site.Email, c.site.Token)
	} else {
		req.Header.Set("Authorization", "Bearer "+c.site.Token)
	}
	answer, err := c.http.Do(req)
	if err != nil {
		return settled, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 32<<20))
	if err != nil {
		return settled, fmt.Errorf("%s %s: reading the answer: %w", r.method, r.path, err)
	}
	if answer.StatusCode/100 != 2 {
		failed := &statusError{code: answer.StatusCode, method: r.method, path: r.path, text: siteMessage(text)}
		if answer.StatusCode == http.StatusTooManyRequests || answer.StatusCode == http.StatusServiceUnavailable {
			return retryAfter(answer.Header.Get("Retry-After"), time.Now()), failed
		}
		return settled, failed
	}
	if result == nil {
		return settled, nil
	}
	if err := json.Unmarshal(text, result); err != nil {
		return settled, fmt.Errorf("%s %s: the answer is not the JSON of Confluence's API (is the URL that of the site itself?): %w", r.method, r.path, err)
	}
	return settled, nil
}

// retryAfter reads the header of that name: seconds, or a date. Zero stands for none.
func retryAfter(header string, now time.Time) time.Duration {
	if seconds, err := strconv.Atoi(header); err == nil && seconds >= 0 {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(header); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

// siteMessage returns what the site says of an error, in the forms of both versions of the API.
func siteMessage(text []byte) string {
	var answer struct {
		Message string `json:"message"`
		Errors  []struct {
			Title  string `json:"title"`
			Detail string `json:"detail"`
		} `json:"errors"`
	}
	if json.Unmarshal(text, &answer) != nil {
		return ""
	}
	said := []string{}
	if answer.Message != "" {
		said = append(said, answer.Message)
	}
	for _, e := range answer.Errors {
		said = append(said, strings.TrimSpace(e.Title+" "+e.Detail))
	}
	s := strings.Join(said, "; ")
	return s[:min(len(s), 300)]
}

// send calls with a JSON body.
func (c *Client) send(ctx context.Context, method, path string, body, result any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	return c.call(ctx, request{method: method, path: path, body: text, kind: "application/json"}, result)
}

// all reads a list to its end, page by page.
func all[T any](ctx context.Context, c *Client, path string) (list []T, err error) {
	const most = 1000 // pages of a list: more is a site that sends us in circles
	for range most {
		var page struct {
			Results []T `json:"results"`
			Links   struct {
				Next string `json:"next"`
			} `json:"_links"`
		}
		if err := c.call(ctx, request{method: http.MethodGet, path: path}, &page); err != nil {
			return nil, err
		}
		list = append(list, page.Results...)
		if page.Links.Next == "" {
			return list, nil
		}
		if path, err = c.nextPath(page.Links.Next); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("GET %s: the list has over %d pages", path, most)
}

// nextPath returns the path of a link to the next page of a list. Cloud's links begin with /wiki, Data Center's below
// the site's URL; none leads to another host.
func (c *Client) nextPath(link string) (string, error) {
	next, err := url.Parse(link)
	if err != nil || next.Host != "" && next.Host != c.base.Host || !strings.HasPrefix(next.Path, "/") {
		return "", errors.New("the site names a next page of a list that is not on it: " + link)
	}
	path := next.Path
	if c.base.Path != "" {
		path = strings.TrimPrefix(path, c.base.Path)
	}
	return path + "?" + next.RawQuery, nil
}

// multipartImage writes the form by which an image is uploaded and returns its content type.
func multipartImage(w io.Writer, image Image, comment string) (string, error) {
	form := multipart.NewWriter(w)
	if err := form.WriteField("comment", comment); err != nil {
		return "", err
	}
	if err := form.WriteField("minorEdit", "true"); err != nil {
		return "", err
	}
	header := textproto.MIMEHeader{}
	header.Set("Content-Disposition", multipart.FileContentDisposition("file", image.Name))
	header.Set("Content-Type", "image/png")
	part, err := form.CreatePart(header)
	if err != nil {
		return "", err
	}
	if _, err := part.Write(image.Content); err != nil {
		return "", err
	}
	return form.FormDataContentType(), form.Close()
}
