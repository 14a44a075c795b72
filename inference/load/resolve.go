package load

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// resolveTime bounds each question about a server.
const resolveTime = 10 * time.Second

// Resolve asks the server for what the target leaves open: a URL without a path becomes the chat of the API that the
// server speaks, and without a model the first one that it lists is taken.
func (t *Target) Resolve(ctx context.Context) error {
	u := *t.URL
	if u.Path == "" || u.Path == "/" {
		path, err := t.findPath(ctx)
		if err != nil {
			return err
		}
		u.Path = path
	}
	t.URL = &u
	if t.Model != "" {
		return nil
	}
	api, err := t.api()
	if err != nil {
		return err
	}
	base := strings.TrimSuffix("/"+strings.Trim(u.Path, "/"), api.path)
	var failed []string
	for _, path := range []string{api.list, "/api/tags", "/v1/models"} { // many servers speak both APIs
		list := u
		list.Path, list.RawQuery = base+path, ""
		if t.Model, err = t.firstModel(ctx, &list); err == nil {
			return nil
		}
		if said := err.Error(); !slices.Contains(failed, said) {
			failed = append(failed, said)
		}
	}
	return fmt.Errorf("ask which models there are, since none is named: %s", strings.Join(failed, "; "))
}

func (t *Target) firstModel(ctx context.Context, list *url.URL) (string, error) {
	var known struct {
		Models []struct { // Ollama
			Name string `json:"name"`
		} `json:"models"`
		Data []struct { // OpenAI
			ID string `json:"id"`
		} `json:"data"`
	}
	if err := t.get(ctx, list, &known); err != nil {
		return "", err
	}
	switch {
	case len(known.Models) > 0:
		return known.Models[0].Name, nil
	case len(known.Data) > 0:
		return known.Data[0].ID, nil
	}
	return "", fmt.Errorf("%s lists none", list.Redacted())
}

// findPath tells which API a server speaks.
func (t *Target) findPath(ctx context.Context) (string, error) {
	for i := range apis {
		if t.API == apis[i].name {
			return apis[i].path, nil
		}
	}
	var failed []string
	for _, probe := range []struct{ ask, path string }{{"/api/version", "/api/chat"}, {"/v1/models", "/v1/chat/completions"}} {
		u := *t.URL
		u.Path = probe.ask
		var any map[string]any
		err := t.get(ctx, &u, &any)
		if err == nil {
			return probe.path, nil
		}
		failed = append(failed, err.Error())
	}
	return "", fmt.Errorf("tell which API %s speaks: %s", t.URL.Redacted(), strings.Join(failed, "; "))
}

func (t *Target) get(ctx context.Context, u *url.URL, into any) error {
	ctx, cancel := context.WithTimeout(ctx, resolveTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return err
	}
	for name, values := range t.Header {
		req.Header[name] = values
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", u.Redacted(), res.Status)
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, maxMessage)).Decode(into); err != nil {
		return fmt.Errorf("%s answers no JSON: %w", u.Redacted(), err)
	}
	return nil
}
