package confluence

import (
	"encoding/json"
	"net/http/httptest"
	"os"
	"os/exec"
	"reflect"
	"strings"
	"testing"

	"github.com/slowtoken/slowtoken/report/confluence/confluencetest"
)

// A client that others wrote gets from the fake what it gets from Confluence, so that what our client is tested against
// is not only our own idea of the API. Then ours meets the page that the other left.
func TestThirdPartyClient(t *testing.T) {
	script := os.Getenv("SLOWTOKEN_CONFLUENCE_CLIENT")
	if script == "" {
		t.Skip("needs Node.js and a package from npm: make confluence-test runs it")
	}
	s := &confluencetest.Server{Cloud: true, Email: "ada@example.com", Token: token, Spaces: []string{"OPS", "PERF"}}
	server := httptest.NewServer(s)
	defer server.Close()
	cmd := exec.Command("node", script, server.URL, s.Email, s.Token)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s\nthe fake was asked:\n%s", err, errs.String(), strings.Join(s.Log(), "\n"))
	}
	var got struct {
		Space, ID, Read    string
		Version, Conflict  int
		Found, Attachments []string
	}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	if got.Space != "PERF" || got.Version != 2 || got.Conflict != 409 || got.Read != "<p>second</p>" ||
		!reflect.DeepEqual(got.Found, []string{got.ID}) || !reflect.DeepEqual(got.Attachments, []string{"a.png"}) {
		t.Errorf("the client saw %s", out)
	}
	page := s.Page("PERF", "By a third party")
	if page == nil || len(page.Attachments) != 1 || string(page.Attachments[0].Content) != "two" || page.Attachments[0].Version != 2 {
		t.Fatalf("the site has %+v", page)
	}

	ours, err := NewClient(Site{URL: server.URL, Email: s.Email, Token: token})
	if err != nil {
		t.Fatal(err)
	}
	p := weekly("ours")
	p.Title = page.Title
	if _, err := ours.Publish(t.Context(), p, Options{}); err == nil {
		t.Error("a page that another client wrote was overwritten")
	}
	if result, err := ours.Publish(t.Context(), p, Options{Force: true}); err != nil || result.ID != page.ID {
		t.Errorf("forced: %+v, %v", result, err)
	}
}
