package confluencetest

import (
	"io"
	"mime"
	"net/http"
	"strings"
)

// v1 answers version 1 of the API for pages; path is what follows /rest/api/content.
func (s *Server) v1(w http.ResponseWriter, r *http.Request, path []string) {
	query := r.URL.Query()
	switch {
	case r.Method == http.MethodGet && len(path) == 0:
		list := []map[string]any{}
		for _, p := range s.pages {
			if (query.Get("spaceKey") == "" || p.Space == query.Get("spaceKey")) && (query.Get("title") == "" || p.Title == query.Get("title")) {
				list = append(list, s.v1Page(p, query.Get("expand")))
			}
		}
		reply(s, w, r, list)
	case r.Method == http.MethodGet && len(path) == 1:
		if p := s.page(path[0]); p != nil {
			answer(w, s.v1Page(p, query.Get("expand")))
		} else {
			refuse(w, http.StatusNotFound, "there is no such content")
		}
	case r.Method == http.MethodPost && len(path) == 0:
		s.v1Create(w, r)
	case r.Method == http.MethodPut && len(path) == 1:
		s.v1Update(w, r, path[0])
	default:
		refuse(w, http.StatusNotFound, "no such resource")
	}
}

type v1Body struct {
	Type  string `json:"type"`
	Title string `json:"title"`
	Space struct {
		Key string `json:"key"`
	} `json:"space"`
	Ancestors []struct {
		ID string `json:"id"`
	} `json:"ancestors"`
	Body struct {
		Storage struct {
			Representation string `json:"representation"`
			Value          string `json:"value"`
		} `json:"storage"`
	} `json:"body"`
	Version struct {
		Number  int    `json:"number"`
		Message string `json:"message"`
	} `json:"version"`
}

func (b *v1Body) parent() string {
	if len(b.Ancestors) == 0 {
		return ""
	}
	return b.Ancestors[len(b.Ancestors)-1].ID
}

func (s *Server) v1Create(w http.ResponseWriter, r *http.Request) {
	var body v1Body
	if !decode(w, r, &body) {
		return
	}
	space := ""
	for _, key := range s.Spaces {
		if key == body.Space.Key {
			space = key
		}
	}
	switch {
	case space == "":
		refuse(w, http.StatusNotFound, "there is no such space")
		return
	case body.Type != "page" || body.Title == "" || body.Body.Storage.Representation != "storage":
		refuse(w, http.StatusBadRequest, "type, title and a body in storage format are needed")
		return
	case body.parent() != "" && s.page(body.parent()) == nil:
		refuse(w, http.StatusNotFound, "there is no such ancestor")
		return
	case s.taken(space, body.Title):
		refuse(w, http.StatusBadRequest, "a page already exists with this title in the space")
		return
	}
	p := &Page{Space: space, Parent: body.parent(), Title: body.Title}
	if !s.write(w, p, body.Body.Storage.Value, 1, "") {
		return
	}
	answer(w, s.v1Page(s.add(p), r.URL.Query().Get("expand")))
}

func (s *Server) v1Update(w http.ResponseWriter, r *http.Request, id string) {
	var body v1Body
	if !decode(w, r, &body) {
		return
	}
	p := s.page(id)
	switch {
	case p == nil:
		refuse(w, http.StatusNotFound, "there is no such content")
	case body.Type != "page" || body.Title == "" || body.Body.Storage.Representation != "storage":
		refuse(w, http.StatusBadRequest, "type, title and a body in storage format are needed")
	case s.write(w, p, body.Body.Storage.Value, body.Version.Number, body.Version.Message):
		p.Title = body.Title
		if body.parent() != "" {
			p.Parent = body.parent()
		}
		answer(w, s.v1Page(p, r.URL.Query().Get("expand")))
	}
}

// v1Page returns a page as version 1 has it: versions, ancestors and bodies only where they are asked for.
func (s *Server) v1Page(p *Page, expand string) map[string]any {
	m := map[string]any{"id": p.ID, "type": "page", "status": "current", "title": p.Title, "_links": map[string]any{"webui": "/display/" + p.Space + "/" + p.ID}}
	for _, part := range strings.Split(expand, ",") {
		switch part {
		case "version":
			m["version"] = map[string]any{"number": p.Version, "message": p.Message, "by": map[string]any{"displayName": p.Author}}
		case "ancestors":
			list := []map[string]any{}
			if p.Parent != "" {
				list = append(list, map[string]any{"id": p.Parent})
			}
			m["ancestors"] = list
		case "body.storage":
			m["body"] = map[string]any{"storage": map[string]any{"representation": "storage", "value": p.Body}}
		}
	}
	return m
}

// attachments answers what version 1 has below /rest/api/content/ID/child; of that, Cloud has uploads only.
func (s *Server) attachments(w http.ResponseWriter, r *http.Request, id string, path []string) {
	p := s.page(id)
	if p == nil || len(path) == 0 || path[0] != "attachment" {
		refuse(w, http.StatusNotFound, "there is no such content")
		return
	}
	switch {
	case r.Method == http.MethodGet && len(path) == 1 && s.Cloud:
		refuse(w, http.StatusGone, "attachments are listed by version 2")
	case r.Method == http.MethodGet && len(path) == 1:
		list := []map[string]any{}
		for _, a := range p.Attachments {
			list = append(list, s.v1Attachment(a))
		}
		reply(s, w, r, list)
	case (r.Method == http.MethodPost || r.Method == http.MethodPut) && len(path) == 1:
		s.attach(w, r, p, nil)
	case r.Method == http.MethodPost && len(path) == 3 && path[2] == "data":
		for _, a := range p.Attachments {
			if a.ID == path[1] {
				s.attach(w, r, p, a)
				return
			}
		}
		refuse(w, http.StatusNotFound, "there is no such attachment")
	default:
		refuse(w, http.StatusMethodNotAllowed, "not that way")
	}
}

// attach takes an upload: a new attachment, or the next version of old.
func (s *Server) attach(w http.ResponseWriter, r *http.Request, p *Page, old *Attachment) {
	if r.Header.Get("X-Atlassian-Token") != "no-check" && r.Header.Get("X-Atlassian-Token") != "nocheck" {
		refuse(w, http.StatusForbidden, "XSRF check failed")
		return
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "multipart/form-data" {
		refuse(w, http.StatusUnsupportedMediaType, "multipart/form-data is wanted")
		return
	}
	file, header, err := r.FormFile("file")
	if err != nil {
		refuse(w, http.StatusBadRequest, "there is no file: "+err.Error())
		return
	}
	defer file.Close()
	content, err := io.ReadAll(file)
	if err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	if old == nil {
		for _, a := range p.Attachments {
			if a.Name == header.Filename && r.Method == http.MethodPost {
				refuse(w, http.StatusBadRequest, "cannot add a new attachment with same file name as an existing attachment")
				return
			} else if a.Name == header.Filename {
				old = a
			}
		}
	}
	if old == nil {
		s.nextID++
		old = &Attachment{ID: "att" + p.ID + header.Filename, Name: header.Filename}
		p.Attachments = append(p.Attachments, old)
	}
	old.Content, old.Comment, old.MediaType = content, r.FormValue("comment"), header.Header.Get("Content-Type")
	old.Version++
	if strings.HasSuffix(r.URL.Path, "/data") {
		answer(w, s.v1Attachment(old))
		return
	}
	answer(w, map[string]any{"results": []any{s.v1Attachment(old)}, "start": 0, "limit": 1, "size": 1, "_links": map[string]any{}})
}

func (s *Server) v1Attachment(a *Attachment) map[string]any {
	m := map[string]any{"id": a.ID, "type": "attachment", "title": a.Name, "status": "current",
		"version": map[string]any{"number": a.Version, "when": "2026-01-15T09:30:00.000Z", "message": a.Comment, "minorEdit": true}, "_links": map[string]any{}}
	if s.Cloud {
		m["extensions"] = map[string]any{"comment": a.Comment, "mediaType": a.MediaType, "fileSize": len(a.Content)}
	} else {
		m["metadata"] = map[string]any{"comment": a.Comment, "mediaType": a.MediaType}
	}
	return m
}
