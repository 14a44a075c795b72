package confluencetest

import (
	"net/http"
	"slices"
	"strconv"
)

// v2 answers version 2 of the API; path is what follows /api/v2.
func (s *Server) v2(w http.ResponseWriter, r *http.Request, path []string) {
	query := r.URL.Query()
	switch {
	case r.Method == http.MethodGet && len(path) == 1 && path[0] == "spaces":
		list := []map[string]any{}
		for i, key := range s.Spaces {
			if len(query["keys"]) == 0 || slices.Contains(query["keys"], key) {
				list = append(list, map[string]any{"id": strconv.Itoa(1 + i), "key": key, "name": key, "type": "global", "status": "current"})
			}
		}
		reply(s, w, r, list)
	case r.Method == http.MethodGet && len(path) == 1 && path[0] == "pages":
		list := []map[string]any{}
		for _, p := range s.pages {
			if (query.Get("title") == "" || p.Title == query.Get("title")) && (query.Get("space-id") == "" || s.spaceID(p.Space) == query.Get("space-id")) {
				list = append(list, s.v2Page(p, false))
			}
		}
		reply(s, w, r, list)
	case r.Method == http.MethodGet && len(path) == 2 && path[0] == "pages":
		if p := s.page(path[1]); p != nil {
			answer(w, s.v2Page(p, query.Get("body-format") == "storage"))
		} else {
			refuse(w, http.StatusNotFound, "there is no such page")
		}
	case r.Method == http.MethodGet && len(path) == 3 && path[0] == "pages" && path[2] == "attachments":
		p := s.page(path[1])
		if p == nil {
			refuse(w, http.StatusNotFound, "there is no such page")
			return
		}
		list := []map[string]any{}
		for _, a := range p.Attachments {
			list = append(list, map[string]any{"id": a.ID, "status": "current", "title": a.Name, "pageId": p.ID, "mediaType": a.MediaType, "comment": a.Comment, "fileSize": len(a.Content)})
		}
		reply(s, w, r, list)
	case r.Method == http.MethodPost && len(path) == 1 && path[0] == "pages":
		s.v2Create(w, r)
	case r.Method == http.MethodPut && len(path) == 2 && path[0] == "pages":
		s.v2Update(w, r, path[1])
	default:
		refuse(w, http.StatusNotFound, "no such resource")
	}
}

type v2Body struct {
	ID       string `json:"id"`
	SpaceID  string `json:"spaceId"`
	ParentID string `json:"parentId"`
	Status   string `json:"status"`
	Title    string `json:"title"`
	Body     struct {
		Representation string `json:"representation"`
		Value          string `json:"value"`
	} `json:"body"`
	Version struct {
		Number  int    `json:"number"`
		Message string `json:"message"`
	} `json:"version"`
}

func (s *Server) v2Create(w http.ResponseWriter, r *http.Request) {
	var body v2Body
	if !decode(w, r, &body) {
		return
	}
	number, _ := strconv.Atoi(body.SpaceID)
	switch {
	case number < 1 || number > len(s.Spaces):
		refuse(w, http.StatusNotFound, "there is no such space")
		return
	case body.ParentID != "" && s.page(body.ParentID) == nil:
		refuse(w, http.StatusNotFound, "there is no such parent")
		return
	case body.Body.Representation != "storage" || body.Title == "":
		refuse(w, http.StatusBadRequest, "a title and a body in storage format are needed")
		return
	case s.taken(s.Spaces[number-1], body.Title):
		refuse(w, http.StatusBadRequest, "a page with this title already exists in the space")
		return
	}
	p := &Page{Space: s.Spaces[number-1], Parent: body.ParentID, Title: body.Title}
	if !s.write(w, p, body.Body.Value, 1, "") {
		return
	}
	answer(w, s.v2Page(s.add(p), true))
}

func (s *Server) v2Update(w http.ResponseWriter, r *http.Request, id string) {
	var body v2Body
	if !decode(w, r, &body) {
		return
	}
	p := s.page(id)
	switch {
	case p == nil:
		refuse(w, http.StatusNotFound, "there is no such page")
	case body.ID != id || body.Status != "current" || body.Title == "" || body.Body.Representation != "storage":
		refuse(w, http.StatusBadRequest, "id, status, title and a body in storage format are needed")
	case body.ParentID != "" && s.page(body.ParentID) == nil:
		refuse(w, http.StatusNotFound, "there is no such parent")
	case s.write(w, p, body.Body.Value, body.Version.Number, body.Version.Message):
		p.Title = body.Title
		if body.ParentID != "" {
			p.Parent = body.ParentID
		}
		answer(w, s.v2Page(p, true))
	}
}

func (s *Server) spaceID(key string) string {
	return strconv.Itoa(1 + slices.Index(s.Spaces, key))
}

func (s *Server) v2Page(p *Page, body bool) map[string]any {
	m := map[string]any{
		"id": p.ID, "status": "current", "title": p.Title, "spaceId": s.spaceID(p.Space), "parentId": p.Parent, "parentType": "page",
		"version": map[string]any{"number": p.Version, "message": p.Message, "authorId": p.Author},
		"_links":  map[string]any{"webui": "/spaces/" + p.Space + "/pages/" + p.ID},
	}
	if body {
		m["body"] = map[string]any{"storage": map[string]any{"representation": "storage", "value": p.Body}}
	}
	return m
}
