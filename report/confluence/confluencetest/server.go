// Package confluencetest is a Confluence in memory, for tests: the parts of the REST API that publishing uses, in both
// versions, with paging, version conflicts, permissions, throttling and attachments. It keeps a log of what was asked.
package confluencetest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/slowtoken/slowtoken/report/page"
)

// A Page is a page as the server keeps it.
type Page struct {
	ID, Space, Parent, Title string
	Body                     string
	Version                  int
	Message, Author          string
	Attachments              []*Attachment
}

// An Attachment is a file of a page.
type Attachment struct {
	ID, Name, Comment, MediaType string
	Content                      []byte
	Version                      int
}

// A Fault is an answer given instead of the right one.
type Fault struct {
	Method, Path string // what the request's must be and begin with
	Code         int
	RetryAfter   string
	Times        int // how often; each time takes one
}

// A Server is a Confluence. Its zero value is a Data Center without spaces.
type Server struct {
	Cloud    bool   // version 2 for pages, below /wiki; version 1 for attachments only
	Email    string // of the account, on Cloud
	Token    string // of the account
	ReadOnly bool   // the account may not write
	PageSize int    // entries of a list in one answer; 2 if zero

	mu     sync.Mutex
	Spaces []string // keys
	pages  []*Page
	faults []*Fault
	log    []string
	nextID int
}

// Log returns the method and path of every request so far.
func (s *Server) Log() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.log)
}

// Forget empties the log.
func (s *Server) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = nil
}

// Fail makes the server answer f.Times times as f says.
func (s *Server) Fail(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &f)
}

// Add adds a page of a person's and returns its id.
func (s *Server) Add(space, parent, title, body string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.add(&Page{Space: space, Parent: parent, Title: title, Body: body, Author: "Ada"}).ID
}

// Edit writes the next version of a page as a person would.
func (s *Server) Edit(id, body string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.page(id)
	p.Body, p.Message, p.Author = body, "", "Ada"
	p.Version++
}

// Page returns a copy of the page of that title, or nil.
func (s *Server) Page(space, title string) *Page {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.pages {
		if p.Space == space && p.Title == title {
			c := *p
			c.Attachments = nil
			for _, a := range p.Attachments {
				kept := *a
				c.Attachments = append(c.Attachments, &kept)
			}
			return &c
		}
	}
	return nil
}

func (s *Server) add(p *Page) *Page {
	s.nextID++
	p.ID, p.Version = strconv.Itoa(1000+s.nextID), 1
	s.pages = append(s.pages, p)
	return p
}

func (s *Server) page(id string) *Page {
	for _, p := range s.pages {
		if p.ID == id {
			return p
		}
	}
	return nil
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = append(s.log, r.Method+" "+r.URL.Path)
	path := r.URL.Path
	if s.Cloud {
		below, ok := strings.CutPrefix(path, "/wiki")
		if !ok {
			refuse(w, http.StatusNotFound, "no such page")
			return
		}
		path = below
	}
	for _, f := range s.faults {
		if f.Times > 0 && f.Method == r.Method && strings.HasPrefix(path, f.Path) {
			f.Times--
			if f.RetryAfter != "" {
				w.Header().Set("Retry-After", f.RetryAfter)
			}
			refuse(w, f.Code, "a fault that the test wanted")
			return
		}
	}
	if !s.allowed(r) {
		refuse(w, http.StatusUnauthorized, "who are you?")
		return
	}
	if r.Method != http.MethodGet && s.ReadOnly {
		refuse(w, http.StatusForbidden, "the account may only read")
		return
	}
	s.route(w, r, path)
}

func (s *Server) allowed(r *http.Request) bool {
	if s.Cloud {
		email, token, ok := r.BasicAuth()
		return ok && email == s.Email && token == s.Token
	}
	return r.Header.Get("Authorization") == "Bearer "+s.Token
}

func (s *Server) route(w http.ResponseWriter, r *http.Request, path string) {
	segments := strings.Split(strings.Trim(path, "/"), "/")
	switch {
	case s.Cloud && strings.HasPrefix(path, "/api/v2/"):
		s.v2(w, r, segments[2:])
	case strings.HasPrefix(path, "/rest/api/content/") && len(segments) >= 5 && segments[4] == "child":
		s.attachments(w, r, segments[3], segments[5:])
	case s.Cloud && strings.HasPrefix(path, "/rest/api/content"):
		refuse(w, http.StatusGone, "this part of the API is gone: use version 2")
	case strings.HasPrefix(path, "/rest/api/content"):
		s.v1(w, r, segments[3:])
	default:
		refuse(w, http.StatusNotFound, "no such resource")
	}
}

// write checks a body and a version and makes them the page's newest. It answers itself where it refuses.
func (s *Server) write(w http.ResponseWriter, p *Page, body string, version int, message string) bool {
	if err := page.CheckStorage([]byte(body)); err != nil {
		refuse(w, http.StatusBadRequest, "the body is not in storage format: "+err.Error())
		return false
	}
	if version != p.Version+1 {
		refuse(w, http.StatusConflict, fmt.Sprintf("version must be %d, not %d", p.Version+1, version))
		return false
	}
	p.Body, p.Version, p.Message, p.Author = body, version, message, "slowtoken"
	return true
}

// taken reports whether the space has a page of the title.
func (s *Server) taken(space, title string) bool {
	return slices.ContainsFunc(s.pages, func(p *Page) bool { return p.Space == space && p.Title == title })
}

// reply answers with one page of a list, from the entry that the query's start or cursor names.
func reply[T any](s *Server, w http.ResponseWriter, r *http.Request, list []T) {
	query := r.URL.Query()
	start, _ := strconv.Atoi(cmp.Or(query.Get("start"), query.Get("cursor"), "0"))
	start = min(max(start, 0), len(list))
	end := min(start+cmp.Or(s.PageSize, 2), len(list))
	links := map[string]any{}
	if end < len(list) {
		query.Set("start", strconv.Itoa(end))
		links["next"] = r.URL.Path + "?" + query.Encode()
	}
	answer(w, map[string]any{"results": slices.Concat([]T{}, list[start:end]), "start": start, "size": end - start, "_links": links})
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func refuse(w http.ResponseWriter, code int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(map[string]any{"statusCode": code, "message": message})
}

// decode reads a JSON body, or answers that it is none.
func decode(w http.ResponseWriter, r *http.Request, v any) bool {
	err := json.NewDecoder(io.LimitReader(r.Body, 8<<20)).Decode(v)
	if err != nil {
		refuse(w, http.StatusBadRequest, "the body is not JSON: "+err.Error())
	}
	return err == nil
}
