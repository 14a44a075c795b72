package confluence

import (
	"context"
	"net/http"
	"net/url"
)

// dataCenter is version 1 of the API (developer.atlassian.com/server/confluence/confluence-rest-api-examples).
type dataCenter struct{ *Client }

type dataCenterPage struct {
	ID        string `json:"id"`
	Ancestors []struct {
		ID string `json:"id"`
	} `json:"ancestors"`
	Version struct {
		Number  int    `json:"number"`
		Message string `json:"message"`
		By      struct {
			DisplayName string `json:"displayName"`
		} `json:"by"`
	} `json:"version"`
	Links struct {
		WebUI string `json:"webui"`
	} `json:"_links"`
}

func (p *dataCenterPage) found() *found {
	f := &found{id: p.ID, version: p.Version.Number, message: p.Version.Message, author: p.Version.By.DisplayName, link: p.Links.WebUI}
	if n := len(p.Ancestors); n > 0 {
		f.parent = p.Ancestors[n-1].ID
	}
	return f
}

const dataCenterExpand = "version,ancestors"

func (c *dataCenter) find(ctx context.Context, space, title string) (*found, error) {
	query := url.Values{"type": {"page"}, "spaceKey": {space}, "title": {title}, "expand": {dataCenterExpand}}
	pages, err := all[dataCenterPage](ctx, c.Client, "/rest/api/content?"+query.Encode())
	if err != nil || len(pages) == 0 {
		return nil, err
	}
	return pages[0].found(), nil
}

func (c *dataCenter) create(ctx context.Context, p *Page, message string) (*found, error) {
	body := dataCenterBody(p)
	body["space"] = map[string]any{"key": p.Space}
	var created dataCenterPage
	if err := c.send(ctx, http.MethodPost, "/rest/api/content?expand="+dataCenterExpand, body, &created); err != nil {
		return nil, err
	}
	// A new page takes no message: the version after it carries the mark.
	return c.update(ctx, created.found(), p, message)
}

func (c *dataCenter) update(ctx context.Context, old *found, p *Page, message string) (*found, error) {
	body := dataCenterBody(p)
	body["id"] = old.id
	body["version"] = map[string]any{"number": old.version + 1, "message": message}
	var updated dataCenterPage
	if err := c.send(ctx, http.MethodPut, "/rest/api/content/"+url.PathEscape(old.id)+"?expand="+dataCenterExpand, body, &updated); err != nil {
		return nil, err
	}
	return updated.found(), nil
}

func dataCenterBody(p *Page) map[string]any {
	body := map[string]any{"type": "page", "title": p.Title, "body": map[string]any{"storage": map[string]any{"representation": "storage", "value": string(p.Body)}}}
	if p.Parent != "" {
		body["ancestors"] = []any{map[string]any{"id": p.Parent}}
	}
	return body
}

func (c *dataCenter) attachments(ctx context.Context, id string) (list []attachment, err error) {
	there, err := all[struct {
		ID       string `json:"id"`
		Title    string `json:"title"`
		Metadata struct {
			Comment string `json:"comment"`
		} `json:"metadata"`
	}](ctx, c.Client, "/rest/api/content/"+url.PathEscape(id)+"/child/attachment?limit=50")
	for _, a := range there {
		list = append(list, attachment{a.ID, a.Title, a.Metadata.Comment})
	}
	return list, err
}
