package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/spf13/pflag"

	"github.com/slowtoken/slowtoken/report"
	"github.com/slowtoken/slowtoken/report/confluence"
)

// publishOptions say where in Confluence a report goes.
type publishOptions struct {
	asked         bool
	space, parent string
	force, dryRun bool
}

func (o *publishOptions) addFlags(flags *pflag.FlagSet) {
	flags.BoolVar(&o.asked, "publish", false, "publish to Confluence as the page called --title in --space")
	flags.StringVar(&o.space, "space", "", "`KEY` of the space to publish to")
	flags.StringVar(&o.parent, "parent", "", "`ID` of the page that the report is to be below")
	flags.BoolVar(&o.force, "force", false, "overwrite what a person has edited, and move the page below --parent")
	flags.BoolVar(&o.dryRun, "dry-run", false, "say what --publish would do, and write nothing")
}

// check refuses what makes no sense together.
func (o *publishOptions) check(r *reportOptions) error {
	switch {
	case !o.asked && (o.space != "" || o.parent != "" || o.force || o.dryRun):
		return withHint(usageError("--space, --parent, --force and --dry-run say how to publish, and nothing asks to"), "add --publish")
	case !o.asked:
		return nil
	case o.space == "":
		return usageError("--publish wants the key of a space: --space KEY")
	case r.header.Title == "" && r.from == "":
		return usageError("--publish wants the title of the page: --title TITLE")
	case r.out != "":
		return usageError("--publish and --out exclude each other: run it once for each")
	}
	return nil
}

// confluenceSettings say how to reach Confluence.
type confluenceSettings struct {
	URL, Email       string
	Token, TokenFile string
}

func (s *confluenceSettings) list() []*setting {
	return []*setting{
		{key: "confluence.url", flag: textFlag(&s.URL, "confluence-url", "`URL` of the Confluence to publish to; or set CONFLUENCE_URL")},
		{key: "confluence.email", flag: textFlag(&s.Email, "confluence-email", "`ADDRESS` of the account in Confluence Cloud; none for a Data Center; or set CONFLUENCE_EMAIL")},
		{key: "confluence.token", flag: textFlag(&s.Token, "confluence-token", "API token or personal access token"), secret: true},
		{key: "confluence.token-file", flag: textFlag(&s.TokenFile, "confluence-token-file", "`FILE` with the token; or set CONFLUENCE_TOKEN")},
	}
}

// site reads the settings, and where they say nothing the variables that Confluence's other clients know.
func (a *app) confluenceSite() (confluence.Site, error) {
	s := &a.config.Confluence
	token, err := secretOf(s.Token, s.TokenFile)
	if err != nil {
		return confluence.Site{}, usageError("--confluence-token-file: %w", err)
	}
	site := confluence.Site{
		URL:   cmp.Or(s.URL, a.getenv("CONFLUENCE_URL")),
		Email: cmp.Or(s.Email, a.getenv("CONFLUENCE_EMAIL")),
		Token: cmp.Or(token, a.getenv("CONFLUENCE_TOKEN")),
	}
	switch {
	case site.URL == "":
		return site, withHint(usageError("--publish: it is not known where Confluence is"), "set CONFLUENCE_URL, such as https://example.atlassian.net")
	case site.Token == "":
		return site, withHint(usageError("--publish: there is no token for Confluence"), "set CONFLUENCE_TOKEN, or name a file that holds it: --confluence-token-file")
	}
	return site, nil
}

// publishReport writes r to Confluence and says what became of the page.
func (a *app) publishReport(ctx context.Context, r *report.Report, o publishOptions) error {
	site, err := a.confluenceSite()
	if err != nil {
		return err
	}
	client, err := confluence.NewClient(site)
	if err != nil {
		return usageError("--publish: %w", err)
	}
	d := report.Document(r)
	p := &confluence.Page{Space: o.space, Parent: o.parent, Title: d.Title}
	var body bytes.Buffer
	if err := report.WriteConfluence(&body, r); err != nil {
		return err
	}
	p.Body = body.Bytes()
	for _, f := range d.Figures() {
		var png bytes.Buffer
		if err := f.Picture.PNG(&png); err != nil {
			return fmt.Errorf("draw %s: %w", f.Name, err)
		}
		p.Images = append(p.Images, confluence.Image{Name: f.Name + ".png", Content: png.Bytes()})
	}
	got, err := client.Publish(ctx, p, confluence.Options{Force: o.force, DryRun: o.dryRun})
	if err != nil {
		return fmt.Errorf("publish to %s: %w", siteName(site.URL), err)
	}
	would := ""
	if o.dryRun {
		would = "would be "
	}
	line := fmt.Sprintf("%q in %s %s%s", p.Title, o.space, would, got.Action)
	if got.Version > 0 {
		line += fmt.Sprintf(", version %d", got.Version)
	}
	if got.Images > 0 {
		line += fmt.Sprintf(", %s%d pictures attached", would, got.Images)
	}
	if got.URL != "" {
		line += ": " + got.URL
	}
	_, err = fmt.Fprintln(a.stdout, printable(line))
	return err
}

// siteName is a URL as it may be told: without an account.
func siteName(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return "Confluence"
	}
	return strings.TrimSuffix(u.Scheme+"://"+u.Host+u.Path, "/")
}
