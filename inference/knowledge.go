package inference

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// vocabularies holds the tokenizer of each model that was asked for. One is fetched beside the first request that
// wants it, never on a request's own time.
type vocabularies struct {
	source Tokenizers
	log    *slog.Logger
	mu     sync.Mutex
	known  map[string]*counter
}

type counter struct {
	count func(text string) (int, error) // nil while it is not known
	tried time.Time
}

// retryVocabulary is how long a vocabulary that could not be had is not asked for again.
const retryVocabulary = time.Minute

// of returns the counter of a model, nil when there is none yet.
func (v *vocabularies) of(model string) func(string) (int, error) {
	if v.source == nil {
		return nil
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	c := v.known[model]
	if c == nil || c.count == nil && time.Since(c.tried) > retryVocabulary {
		if v.known == nil {
			v.known = map[string]*counter{}
		}
		c = &counter{tried: time.Now()}
		v.known[model] = c
		go v.fetch(model, c)
	}
	return c.count
}

func (v *vocabularies) fetch(model string, c *counter) {
	ctx, cancel := context.WithTimeout(context.Background(), retryVocabulary)
	defer cancel()
	count, err := v.source.Tokenizer(ctx, model)
	if err != nil {
		v.log.Info("prompts of this model are not tokenized: its spans have no tokenize phase", "model", model, "why", err)
		return
	}
	v.mu.Lock()
	c.count = count
	v.mu.Unlock()
}

// residency knows which models the server had loaded lately, and where.
type residency struct {
	mu       sync.Mutex
	answered map[string]time.Time
	devices  map[string]string // deviceCPU or deviceGPU
}

// Where the server has the weights of a model: all in the host's memory, or some on a GPU.
const (
	deviceCPU = "cpu"
	deviceGPU = "gpu"
)

// device returns where the model was when the server was last asked; "" while it was not.
func (r *residency) device(model string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.devices[model]
}

// fresh is how long after an answer a model is taken to be loaded still, unless its request asks that it be kept no longer.
const fresh = time.Second

func (r *residency) saw(model string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.answered == nil {
		r.answered = map[string]time.Time{}
	}
	r.answered[model] = time.Now()
}

func (r *residency) forget(model string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.answered, model)
}

// loaded reports whether the server has the model loaded, asking it (GET /api/ps) when no answer of the last second
// shows it, or while it is not known where. A server that does not say counts as having it: then only a long load tells a cold start.
func (r *residency) loaded(ctx context.Context, client *http.Client, base *url.URL, model string) bool {
	r.mu.Lock()
	at, ok := r.answered[model]
	placed := r.devices[model] != ""
	r.mu.Unlock()
	if ok && placed && time.Since(at) < fresh {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base.JoinPath("/api/ps").String(), nil)
	if err != nil {
		return true
	}
	res, err := client.Do(req)
	if err != nil {
		return true
	}
	defer res.Body.Close()
	var running struct {
		Models []struct {
			Name  string `json:"name"`
			Model string `json:"model"`
			Size  int64  `json:"size"`
			OnGPU int64  `json:"size_vram"`
		} `json:"models"`
	}
	if res.StatusCode != http.StatusOK || json.NewDecoder(res.Body).Decode(&running) != nil {
		return true
	}
	for _, m := range running.Models {
		if sameModel(m.Name, model) || sameModel(m.Model, model) {
			r.place(model, m.Size, m.OnGPU)
			return true
		}
	}
	return false
}

// place notes where a model of that size is. A server that states no size says nothing.
func (r *residency) place(model string, size, onGPU int64) {
	if size <= 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.devices == nil {
		r.devices = map[string]string{}
	}
	r.devices[model] = deviceCPU
	if onGPU > 0 {
		r.devices[model] = deviceGPU
	}
}

// sameModel compares names as Ollama does: without a tag it is "latest".
func sameModel(a, b string) bool {
	return a == b || a == b+":latest" || a+":latest" == b
}

// average is an exponentially weighted mean of durations.
type average struct {
	mu   sync.Mutex
	mean time.Duration
	any  bool
}

func (a *average) add(d time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.any {
		a.mean, a.any = d, true
		return
	}
	a.mean += (d - a.mean) / 16
}

func (a *average) value() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.mean
}
