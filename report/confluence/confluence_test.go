package confluence

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slowtoken/slowtoken/report/confluence/confluencetest"
)

const token = "secret-token-1"

// sites runs a test against both kinds of site. waits are how long the client paused.
func sites(t *testing.T, test func(t *testing.T, s *confluencetest.Server, c *Client, waits *[]time.Duration)) {
	for _, kind := range []string{"cloud", "data center"} {
		t.Run(kind, func(t *testing.T) {
			s := &confluencetest.Server{Cloud: kind == "cloud", Token: token, Spaces: []string{"OPS", "PERF", "X"}}
			site := Site{Token: token}
			if s.Cloud {
				s.Email = "ada@example.com"
				site.Email = s.Email
			}
			c, waits := client(t, s, site)
			test(t, s, c, waits)
		})
	}
}

func client(t *testing.T, s *confluencetest.Server, site Site) (*Client, *[]time.Duration) {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	site.URL = server.URL
	c, err := NewClient(site)
	if err != nil {
		t.Fatal(err)
	}
	waits := &[]time.Duration{}
	c.pause = func(ctx context.Context, d time.Duration) error {
		*waits = append(*waits, d)
		return ctx.Err()
	}
	return c, waits
}

func weekly(body string) *Page {
	return &Page{Space: "PERF", Title: "Why tokens are slow", Body: []byte("<p>" + body + "</p>"), Images: []Image{{"a.png", []byte("picture a")}, {"b.png", []byte("picture b")}, {"c.png", []byte("picture c")}}}
}

func publish(t *testing.T, c *Client, p *Page, o Options) Result {
	t.Helper()
	result, err := c.Publish(t.Context(), p, o)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// writes returns the requests that changed something, and forgets all.
func writes(s *confluencetest.Server) (list []string) {
	for _, line := range s.Log() {
		if !strings.HasPrefix(line, "GET ") {
			list = append(list, line)
		}
	}
	s.Forget()
	return list
}

func TestPublishCreatesThenUpdatesOnlyWhatIsNew(t *testing.T) {
	sites(t, func(t *testing.T, s *confluencetest.Server, c *Client, _ *[]time.Duration) {
		for _, other := range []string{"one", "two", "three", "four", "five"} {
			s.Add("PERF", "", other, "<p>x</p>")
		}
		parent := s.Add("PERF", "", "Reports", "<p>x</p>")
		p := weekly("first")
		p.Parent = parent

		got := publish(t, c, p, Options{})
		page := s.Page("PERF", p.Title)
		if got.Action != Created || page == nil || page.Body != "<p>first</p>" || page.Parent != parent || got.ID != page.ID || got.Version != page.Version {
			t.Fatalf("created %+v, the site has %+v", got, page)
		}
		if !strings.HasPrefix(got.URL, c.base.String()) || !strings.HasSuffix(got.URL, page.ID) {
			t.Errorf("URL %s", got.URL)
		}
		if len(page.Attachments) != 3 || string(page.Attachments[1].Content) != "picture b" || page.Attachments[1].MediaType != "image/png" {
			t.Errorf("attachments %+v", page.Attachments)
		}
		writes(s)

		if again := publish(t, c, p, Options{}); again.Action != Unchanged || again.Version != got.Version {
			t.Errorf("the same page again: %+v", again)
		}
		if wrote := writes(s); len(wrote) > 0 {
			t.Errorf("an unchanged page was written: %q", wrote)
		}

		p.Images[1].Content = []byte("picture b, new")
		if again := publish(t, c, p, Options{}); again.Action != Updated || again.Images != 1 || again.Version != got.Version {
			t.Errorf("one picture is new: %+v", again)
		}
		page = s.Page("PERF", p.Title)
		if string(page.Attachments[1].Content) != "picture b, new" || page.Attachments[1].Version != 2 || page.Attachments[0].Version != 1 || len(page.Attachments) != 3 {
			t.Errorf("attachments %+v", page.Attachments)
		}
		writes(s)

		p.Body = []byte("<p>second</p>")
		if again := publish(t, c, p, Options{}); again.Action != Updated || again.Version != got.Version+1 || again.Images != 0 {
			t.Errorf("the text is new: %+v", again)
		}
		if wrote := writes(s); len(wrote) != 1 || !strings.HasPrefix(wrote[0], "PUT ") {
			t.Errorf("a new text took %q", wrote)
		}
	})
}

func TestPublishLeavesAPersonsWorkAlone(t *testing.T) {
	sites(t, func(t *testing.T, s *confluencetest.Server, c *Client, _ *[]time.Duration) {
		p := weekly("first")
		got := publish(t, c, p, Options{})
		s.Edit(got.ID, "<p>Ada's words</p>")
		p.Body = []byte("<p>second</p>")
		writes(s)
		_, err := c.Publish(t.Context(), p, Options{})
		if err == nil || !strings.Contains(err.Error(), "Ada") || !strings.Contains(err.Error(), "--force") {
			t.Errorf("error %v", err)
		}
		if wrote := writes(s); len(wrote) > 0 || s.Page("PERF", p.Title).Body != "<p>Ada's words</p>" {
			t.Errorf("an edited page was written: %q", wrote)
		}
		if again := publish(t, c, p, Options{Force: true}); again.Action != Updated || s.Page("PERF", p.Title).Body != "<p>second</p>" {
			t.Errorf("forced: %+v", again)
		}

		theirs := weekly("mine")
		theirs.Title = "A person's page"
		s.Add("PERF", "", theirs.Title, "<p>theirs</p>")
		if _, err := c.Publish(t.Context(), theirs, Options{}); err == nil || s.Page("PERF", theirs.Title).Body != "<p>theirs</p>" {
			t.Errorf("a page that was never ours: %v", err)
		}
	})
}

func TestPublishDoesNotMovePages(t *testing.T) {
	sites(t, func(t *testing.T, s *confluencetest.Server, c *Client, _ *[]time.Duration) {
		here, there := s.Add("PERF", "", "Here", "<p>x</p>"), s.Add("PERF", "", "There", "<p>x</p>")
		p := weekly("first")
		p.Parent = here
		publish(t, c, p, Options{})
		p.Parent = there
		if _, err := c.Publish(t.Context(), p, Options{}); err == nil || !strings.Contains(err.Error(), here) {
			t.Errorf("error %v", err)
		}
		if publish(t, c, p, Options{Force: true}); s.Page("PERF", p.Title).Parent != there {
			t.Errorf("the page stands below %s", s.Page("PERF", p.Title).Parent)
		}
		p.Parent = ""
		if publish(t, c, p, Options{}); s.Page("PERF", p.Title).Parent != there {
			t.Error("without a parent the page does not stay where it is")
		}
	})
}

func TestDryRunWritesNothing(t *testing.T) {
	sites(t, func(t *testing.T, s *confluencetest.Server, c *Client, _ *[]time.Duration) {
		p := weekly("first")
		if got := publish(t, c, p, Options{DryRun: true}); got.Action != Created || got.Images != 3 || s.Page("PERF", p.Title) != nil {
			t.Errorf("%+v", got)
		}
		publish(t, c, p, Options{})
		writes(s)
		p.Body, p.Images[0].Content = []byte("<p>second</p>"), []byte("new")
		if got := publish(t, c, p, Options{DryRun: true}); got.Action != Updated || got.Images != 1 {
			t.Errorf("%+v", got)
		}
		if wrote := writes(s); len(wrote) > 0 {
			t.Errorf("a dry run wrote %q", wrote)
		}
	})
}

func TestPublishComesAgainWhenTheSiteIsBusy(t *testing.T) {
	sites(t, func(t *testing.T, s *confluencetest.Server, c *Client, waits *[]time.Duration) {
		for _, f := range []confluencetest.Fault{
			{Method: "GET", Path: "/", Code: 503, Times: 2},
			{Method: "POST", Path: "/", Code: 429, RetryAfter: "7", Times: 1},
			{Method: "PUT", Path: "/", Code: 503, RetryAfter: time.Now().Add(90 * time.Second).UTC().Format(http.TimeFormat), Times: 1},
		} {
			s.Fail(f)
		}
		publish(t, c, weekly("first"), Options{})
		if page := s.Page("PERF", weekly("").Title); page == nil || len(page.Attachments) != 3 {
			t.Fatalf("the site has %+v", page)
		}
		got := *waits
		if len(got) != 4 || got[0] != time.Second || got[1] != 2*time.Second || got[2] != 7*time.Second || got[3] < 80*time.Second || got[3] > 90*time.Second {
			t.Errorf("waits %v", got)
		}
	})
}

func TestPublishGivesUp(t *testing.T) {
	sites(t, func(t *testing.T, s *confluencetest.Server, c *Client, waits *[]time.Duration) {
		s.Fail(confluencetest.Fault{Method: "GET", Path: "/", Code: 429, RetryAfter: "1", Times: 100})
		_, err := c.Publish(t.Context(), weekly("first"), Options{})
		if err == nil || !strings.Contains(err.Error(), "after 6 attempts") || len(*waits) != 5 {
			t.Errorf("error %v after waits %v", err, *waits)
		}
	})
	sites(t, func(t *testing.T, s *confluencetest.Server, c *Client, waits *[]time.Duration) {
		s.Fail(confluencetest.Fault{Method: "GET", Path: "/", Code: 503, RetryAfter: "86400", Times: 1})
		_, err := c.Publish(t.Context(), weekly("first"), Options{})
		if err == nil || !strings.Contains(err.Error(), "24h") || len(*waits) != 0 {
			t.Errorf("error %v after waits %v", err, *waits)
		}
	})
}

// Another publication that wrote between our reading and writing is followed, a person's edit is not overwritten.
func TestPublishMeetsAConflict(t *testing.T) {
	sites(t, func(t *testing.T, s *confluencetest.Server, c *Client, _ *[]time.Duration) {
		p := weekly("first")
		id := publish(t, c, p, Options{}).ID
		p.Body = []byte("<p>second</p>")
		s.Fail(confluencetest.Fault{Method: "PUT", Path: "/", Code: 409, Times: 1})
		if got := publish(t, c, p, Options{}); got.Action != Updated || s.Page("PERF", p.Title).Body != "<p>second</p>" {
			t.Errorf("%+v", got)
		}

		p.Body = []byte("<p>third</p>")
		inner := c.http.Transport
		c.http.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
			if r.Method == http.MethodPut {
				c.http.Transport = inner
				s.Edit(id, "<p>Ada was quicker</p>")
			}
			return http.DefaultTransport.RoundTrip(r)
		})
		if _, err := c.Publish(t.Context(), p, Options{}); err == nil || !strings.Contains(err.Error(), "Ada") {
			t.Errorf("error %v", err)
		}
		if got := s.Page("PERF", p.Title).Body; got != "<p>Ada was quicker</p>" {
			t.Errorf("the page is %s", got)
		}
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestPublishSaysWhatIsWrong(t *testing.T) {
	sites(t, func(t *testing.T, s *confluencetest.Server, c *Client, _ *[]time.Duration) {
		p := weekly("first")
		try := func(want string) {
			t.Helper()
			_, err := c.Publish(t.Context(), p, Options{})
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("error %v, want one with %q", err, want)
			}
			if err != nil && strings.Contains(err.Error(), token) {
				t.Errorf("the error tells the token: %v", err)
			}
		}
		p.Space = "NONE"
		try("there is no s")
		p.Space, p.Parent = "PERF", "4711"
		try("there is no")
		p.Parent, s.ReadOnly = "", true
		try("403 Forbidden")
		s.ReadOnly, c.site.Token = false, "other"
		try("401 Unauthorized")
		c.site.Token = token
		p.Body = []byte("<p>open")
		try("not in Confluence's storage format")
	})
}

// Whoever takes a Cloud site for a Data Center is told.
func TestVersionOneIsGoneOnCloud(t *testing.T) {
	s := &confluencetest.Server{Cloud: true, Email: "a", Token: token, Spaces: []string{"PERF"}}
	s.Fail(confluencetest.Fault{Method: "GET", Path: "/rest/api/content", Code: 410, Times: 1})
	c, _ := client(t, s, Site{Token: token})
	c.base.Path = "/wiki"
	if _, err := c.Publish(t.Context(), weekly("x"), Options{}); err == nil || !strings.Contains(err.Error(), "CONFLUENCE_EMAIL") {
		t.Errorf("error %v", err)
	}
}

func TestNewClientRefuses(t *testing.T) {
	for _, c := range []struct{ url, token, want string }{
		{"example.atlassian.net", token, "is none"},
		{"http://example.atlassian.net", token, "in the clear"},
		{"https://ada:pw@example.atlassian.net", token, "holds an account"},
		{"https://example.atlassian.net", "", "CONFLUENCE_TOKEN"},
	} {
		if _, err := NewClient(Site{URL: c.url, Token: c.token}); err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "pw") {
			t.Errorf("%s: error %v, want one with %q", c.url, err, c.want)
		}
	}
}

// A list whose next page lies on another host would carry the token there.
func TestNextPageStaysOnTheSite(t *testing.T) {
	c, err := NewClient(Site{URL: "https://example.atlassian.net", Email: "a", Token: token})
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range []string{"https://evil.example/wiki/api", "//evil.example/x", "x", ":"} {
		if path, err := c.nextPath(link); err == nil {
			t.Errorf("%s leads to %s", link, path)
		}
	}
	for link, want := range map[string]string{"/wiki/api/v2/pages?cursor=a%3D": "/api/v2/pages?cursor=a%3D", "/rest/api/content?start=2": "/rest/api/content?start=2"} {
		if path, err := c.nextPath(link); err != nil || path != want {
			t.Errorf("%s leads to %s (%v), want %s", link, path, err, want)
		}
	}
	if slices.Contains([]string{""}, c.base.Path) {
		t.Error("a Cloud site's API lies below /wiki")
	}
}
