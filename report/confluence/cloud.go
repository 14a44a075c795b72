package confluence

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
)

// cloud is version 2 of the API (developer.atlassian.com/cloud/confluence/rest/v2).
type cloud struct{ *Client }

type cloudPage struct {
	ID       string `json:"id"`
	ParentID string `json:"parentId"`
	Version  struct {
		Number   int    `json:"number"`
		Message  string `json:"message"`
		AuthorID string `json:"authorId"`
	} `json:"version"`
	Links struct {
		WebUI string `json:"webui"`
	} `json:"_links"`
}

func (p *cloudPage) found() *found {
	f := &found{id: p.ID, parent: p.ParentID, version: p.Version.Number, message: p.Version.Message, link: p.Links.WebUI}
	if p.Version.AuthorID != "" {
		f.author = "account " + p.Version.AuthorID
	}
	return f
}

func (c *cloud) space(ctx context.Context, key string) (id string, err error) {
	spaces, err := all[struct {
		ID  string `json:"id"`
		Key string `json:"key"`
	}](ctx, c.Client, "/api/v2/spaces?keys="+url.QueryEscape(key))
	if err != nil {
		return "", err
	}
	for _, s := range spaces {
		if s.Key == key {
			return s.ID, nil
		}
	}
	return "", fmt.Errorf("there is no space with the key %s, or the account may not see it", key)
}

func (c *cloud) find(ctx context.Context, space, title string) (*found, error) {
	id, err := c.space(ctx, space)
	if err != nil {
		return nil, err
	}
	pages, err := all[cloudPage](ctx, c.Client, "/api/v2/pages?"+url.Values{"space-id": {id}, "title": {title}, "status": {"current"}}.Encode())
	if err != nil || len(pages) == 0 {
		return nil, err
	}
	return pages[0].found(), nil
}

func (c *cloud) create(ctx context.Context, p *Page, message string) (*found, error) {
	space, err := c.space(ctx, p.Space)
	if err != nil {
		return nil, err
	}
	body := map[string]any{"spaceId": space, "status": "current", "title": p.Title, "body": storageBody(p)}
	if p.Parent != "" {
		body["parentId"] = p.Parent
	}
	var created cloudPage
	if err := c.send(ctx, http.MethodPost, "/api/v2/pages", body, &created); err != nil {
		return nil, err
	}
	// A new page takes no message: the version after it carries the mark. Without it, the next publication would take
	// the page for a person's.
	return c.update(ctx, created.found(), p, message)
}

func (c *cloud) update(ctx context.Context, old *found, p *Page, message string) (*found, error) {
	body := map[string]any{
		"id": old.id, "status": "current", "title": p.Title, "body": storageBody(p),
		"version": map[string]any{"number": old.version + 1, "message": message},
	}
	if p.Parent != "" {
		body["parentId"] = p.Parent
	}
	var updated cloudPage
	if err := c.send(ctx, http.MethodPut, "/api/v2/pages/"+url.PathEscape(old.id), body, &updated); err != nil {
		return nil, err
	}
	if updated.ID == "" {
		return nil, errors.New("the site's answer names no page")
	}
	return updated.found(), nil
}

func storageBody(p *Page) map[string]any {
	return map[string]any{"representation": "storage", "value": string(p.Body)}
}

func (c *cloud) attachments(ctx context.Context, id string) (list []attachment, err error) {
	there, err := all[struct {
		ID      string `json:"id"`
		Title   string `json:"title"`
		Comment string `json:"comment"`
	}](ctx, c.Client, "/api/v2/pages/"+url.PathEscape(id)+"/attachments?limit=50")
	for _, a := range there {
		list = append(list, attachment{a.ID, a.Title, a.Comment})
	}
	return list, err
}
