package source

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jaegertracing/jaeger-idl/proto-gen/api_v2"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/ingest"
)

// Whatever a server answers, the client returns spans that have identities, or an error; it never panics.

func FuzzV3Answer(f *testing.F) {
	for _, seed := range []string{
		`{"result":{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"00000000000000000000000000000001","spanId":"0000000000000002"}]}]}]}}`,
		`{"result":{}}{"result":{}}`, `{"error":{"httpCode":404,"message":"No traces found"}}`, `{"result":`, `null`, `[]`, `{}`,
	} {
		f.Add([]byte(seed), true)
		f.Add([]byte(seed), false)
	}
	f.Fuzz(func(t *testing.T, body []byte, missing bool) {
		a := &answer{status: 200, body: body}
		if missing {
			a.status = 404
		}
		found, err := decodeV3("/api/v3/traces", a)
		checkFound(t, found, err)
	})
}

func FuzzTempoTrace(f *testing.F) {
	for _, seed := range []string{"", "{}", `{"trace":{"resourceSpans":[]}}`, `{"batches":[]}`, `{"status":"PARTIAL"}`, "\x0a\x00", "\x0a\x02\x0a\x00\x18\x01", "\x0a{"} {
		f.Add([]byte(seed), 1)
		f.Add([]byte(seed), 2)
	}
	f.Fuzz(func(t *testing.T, body []byte, version int) {
		found, err := readTempo(context.Background(), "/api/traces/1", version, &answer{status: 200, body: body})
		checkFound(t, found, err)
	})
}

func FuzzModelChunk(f *testing.F) {
	f.Add([]byte("\x0a\x00"))
	f.Fuzz(func(t *testing.T, body []byte) {
		var chunk api_v2.SpansResponseChunk
		if chunk.Unmarshal(body) != nil {
			return
		}
		var m ingest.JaegerModel
		spans, refused := m.Spans(chunk.Spans)
		if len(spans)+refused.Total() != len(chunk.Spans) {
			t.Errorf("%d spans and %d refused of %d", len(spans), refused.Total(), len(chunk.Spans))
		}
		found := newFound()
		found.add(spans)
		checkFound(t, found, nil)
	})
}

func checkFound(t *testing.T, f *found, err error) {
	t.Helper()
	if err != nil {
		return
	}
	if f == nil {
		t.Fatal(errors.New("neither an answer nor an error"))
	}
	for id, spans := range f.spans {
		if id.IsZero() {
			t.Error("a trace without an id")
		}
		for _, s := range spans {
			if s.ID.IsZero() || s.Start < 0 || s.Resource == nil {
				t.Errorf("a span without identity, time or resource: %+v", s)
			}
		}
		_ = analyzer.NewTrace(spans)
	}
}

// Retry-After is seconds or a date; what is neither asks for nothing.
func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"7": 7 * time.Second, " 0 ": 0, "Sun, 01 Mar 2026 12:00:30 GMT": 30 * time.Second, "Sun, 01 Mar 2026 11:00:00 GMT": 0, "soon": 0, "": 0, "-5": 0,
	} {
		if got := retryAfter(text, now); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}
