package dialect_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/dialect"
	"github.com/slowtoken/slowtoken/ingest"
)

// The recordings are what real SDKs emitted for calls of a server whose times are known: .ci/recordings makes them. It
// sends the headers of a streamed answer after 120 ms, the first of seven chunks 180 ms later and one every 40 ms then;
// an answer that is not streamed takes 250 ms. The answers have 7 tokens, the questions 12, of which 4 are cached.
const (
	recordedFirstChunk = 300 * time.Millisecond
	recordedStream     = recordedFirstChunk + 6*40*time.Millisecond
	recordedWhole      = 250 * time.Millisecond
	timerSlop          = 2 * time.Millisecond // a timer of Node.js may be early
)

// A recording says what is to be found in the trace of each case: a line a request, then one a turn.
type recording struct {
	file  string
	cases map[string][]string
	// streams and wholes are the cases whose single request is one answer of that kind; chunk says that the SDK states
	// when the first chunk came.
	streams, wholes []string
	chunk           bool
}

const (
	unseparated      = "unattributed [queue prefill decode network stream] inferred"
	beforeFirstChunk = "unattributed [queue prefill network] attribute"
	afterFirstChunk  = "decode [decode network stream] inferred"
)

var recordings = []recording{
	{
		file: "otel-openai-js-0.21",
		cases: map[string][]string{
			"streamed": {"otel-genai tiny-chat chat 12 in 7 out ok: " + unseparated},
			"whole":    {"otel-genai tiny-chat chat 12 in 7 out ok: " + unseparated},
			"tool":     {"otel-genai tiny-chat chat 12 in 7 out ok: " + unseparated},
			"failed":   {"otel-genai broken chat error InternalServerError: " + unseparated},
			"embedded": {"otel-genai tiny-embed embeddings 12 in ok: unattributed [queue prefill network] inferred"},
		},
		streams: []string{"streamed"}, wholes: []string{"whole", "tool", "embedded"},
	},
	{
		file: "openllmetry-js-0.27",
		cases: map[string][]string{
			"streamed": {"otel-genai tiny-chat chat ok: " + unseparated},
			"whole":    {"otel-genai tiny-chat chat 12 in 7 out ok: " + unseparated},
			"tool":     {"otel-genai tiny-chat chat 12 in 7 out ok: " + unseparated},
			"failed":   nil,
			"embedded": nil,
		},
		streams: []string{"streamed"}, wholes: []string{"whole", "tool"},
	},
	{
		file: "openllmetry-js-0.13",
		cases: map[string][]string{
			"streamed": {"openllmetry tiny-chat chat ok: " + unseparated},
			"whole":    {"openllmetry tiny-chat chat 12 in 7 out ok: " + unseparated},
			"tool":     {"openllmetry tiny-chat chat 12 in 7 out ok: " + unseparated},
			"failed":   nil,
			"embedded": nil,
		},
		streams: []string{"streamed"}, wholes: []string{"whole", "tool"},
	},
	{
		file: "openinference-js-4.2",
		cases: map[string][]string{
			"streamed": {"openinference tiny-chat streamed ok: " + unseparated},
			"whole":    {"openinference tiny-chat 12 in 7 out 4 cached ok: " + unseparated},
			"tool":     {"openinference tiny-chat 12 in 7 out 4 cached ok: " + unseparated},
			"failed":   nil,
			"embedded": {"openinference tiny-embed embeddings ok: unattributed [queue prefill network] inferred"},
		},
		streams: []string{"streamed"}, wholes: []string{"whole", "tool", "embedded"},
	},
	{
		file: "openlit-js-1.15",
		cases: map[string][]string{
			"streamed": {"openlit tiny-chat chat 12 in 7 out 4 cached streamed ok (ttft_unmeasured): " + unseparated},
			"whole":    {"openlit tiny-chat chat 12 in 7 out 4 cached whole ok: " + unseparated},
			"tool":     {"openlit tiny-chat chat 12 in 7 out 4 cached whole ok: " + unseparated},
			"failed":   {"openlit broken chat error InternalServerError: " + unseparated},
			"embedded": {"openlit tiny-embed embeddings 12 in whole ok: unattributed [queue prefill network] inferred"},
		},
		streams: []string{"streamed"}, wholes: []string{"whole", "tool", "embedded"},
	},
	{
		file: "vercel-ai-6.0",
		cases: map[string][]string{
			"streamed": {"vercel-ai-sdk tiny-chat 12 in 7 out 4 cached streamed ok: client inferred, " + beforeFirstChunk + ", " +
				afterFirstChunk + ", client inferred"},
			"whole": {"vercel-ai-sdk tiny-chat 12 in 7 out 4 cached whole ok: client inferred, " + unseparated + ", client inferred"},
			"tool": {
				"vercel-ai-sdk tiny-chat 12 in 7 out 4 cached whole ok: " + unseparated,
				"vercel-ai-sdk tiny-chat 12 in 7 out 4 cached whole ok: " + unseparated,
				"turn of 2: unattributed other unattributed tool unattributed other unattributed",
			},
			"failed":   {"vercel-ai-sdk broken whole error the model is broken: client inferred, " + unseparated},
			"embedded": {"vercel-ai-sdk tiny-embed embeddings 12 in ok: unattributed [queue prefill network] inferred, client inferred"},
		},
		streams: []string{"streamed"}, wholes: []string{"whole", "embedded"}, chunk: true,
	},
}

func TestRecordings(t *testing.T) {
	for _, want := range recordings {
		t.Run(want.file, func(t *testing.T) {
			traces := readRecording(t, filepath.Join("testdata", "recordings", want.file+".jsonl"))
			got := map[string][]string{}
			for name, trace := range traces {
				requests, turns := analyzer.Requests(trace, dialect.All)
				got[name] = nil
				for i := range requests {
					checkTiled(t, &requests[i])
					got[name] = append(got[name], summary(&requests[i]))
				}
				for _, turn := range turns {
					got[name] = append(got[name], summaryOfTurn(&turn))
				}
				if len(requests) != 1 {
					continue
				}
				switch r := &requests[0]; {
				case slices.Contains(want.streams, name):
					checkDuration(t, name, r, recordedStream)
					checkFirstChunk(t, trace, r, want.chunk)
				case slices.Contains(want.wholes, name):
					checkDuration(t, name, r, recordedWhole)
					if r.FirstToken != 0 {
						t.Errorf("%s: a first token of an answer that was not streamed", name)
					}
				}
			}
			if diff := cmp.Diff(want.cases, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// readRecording returns the traces of a recording by the names of their cases.
func readRecording(t *testing.T, file string) map[string]*analyzer.Trace {
	t.Helper()
	in, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	var spans []analyzer.Span
	_, err = ingest.Read(context.Background(), file, in, ingest.ReadOptions{}, func(batch []analyzer.Span) error {
		spans = append(spans, batch...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	traces := map[string]*analyzer.Trace{}
	for trace := range analyzer.GroupByTrace(spans) {
		name, isCase := strings.CutPrefix(trace.Spans[trace.Roots()[0]].Name, "case ")
		if !isCase || len(trace.Roots()) != 1 {
			t.Fatalf("trace %s is not one case", trace.ID)
		}
		traces[name] = trace
	}
	return traces
}

// checkDuration fails unless r took the server's time, and not much longer.
func checkDuration(t *testing.T, name string, r *analyzer.Request, want time.Duration) {
	t.Helper()
	if took := time.Duration(r.E2E()); took < want-timerSlop || took > want+100*time.Millisecond {
		t.Errorf("%s: took %v, the server %v", name, took, want)
	}
}

// checkFirstChunk compares the first token of r with the moment when the application saw its first chunk.
func checkFirstChunk(t *testing.T, trace *analyzer.Trace, r *analyzer.Request, stated bool) {
	t.Helper()
	if !stated {
		if r.FirstToken != 0 {
			t.Errorf("a first token that the SDK does not state: %v after the start", time.Duration(r.FirstToken-r.Start))
		}
		return
	}
	app := &trace.Spans[trace.Roots()[0]]
	if len(app.Events) != 1 || app.Events[0].Name != "app.first_chunk" {
		t.Fatalf("want one event app.first_chunk, got %v", app.Events)
	}
	if late := time.Duration(app.Events[0].Time - r.FirstToken); late < 0 || late > 30*time.Millisecond {
		t.Errorf("the application saw its first chunk %v after the first token", late)
	}
	if ttft, _ := r.TTFT(); time.Duration(ttft) < recordedFirstChunk-timerSlop {
		t.Errorf("first token after %v, the server sent it after %v", time.Duration(ttft), recordedFirstChunk)
	}
	if tpot, ok := r.TPOT(); !ok || tpot < 38e6 || tpot > 60e6 {
		t.Errorf("%.1f ms a token, the server sends one every 40 ms", tpot/1e6)
	}
}

// summary says what r is, without its times.
func summary(r *analyzer.Request) string {
	words := []string{r.Dialect, r.Model}
	if r.Operation != "" {
		words = append(words, r.Operation)
	}
	for _, n := range []struct {
		count int64
		name  string
	}{{r.InputTokens, "in"}, {r.OutputTokens, "out"}, {r.CachedTokens, "cached"}} {
		if n.count >= 0 {
			words = append(words, fmt.Sprint(n.count), n.name)
		}
	}
	switch r.Streaming {
	case analyzer.Yes:
		words = append(words, "streamed")
	case analyzer.No:
		words = append(words, "whole")
	}
	words = append(words, r.Outcome.String())
	if r.ErrorType != "" {
		words = append(words, r.ErrorType)
	}
	for name := range r.Warnings {
		words = append(words, "("+name+")")
	}
	var parts []string
	for _, p := range r.E2ELedger.Parts {
		part := p.Phase.String()
		if p.Covers != 0 {
			part += fmt.Sprint(" ", p.Covers.Phases())
		}
		parts = append(parts, part+" "+p.Source.String())
	}
	return strings.Join(words, " ") + ": " + strings.Join(parts, ", ")
}

func summaryOfTurn(turn *analyzer.Turn) string {
	out := fmt.Sprintf("turn of %d:", len(turn.Requests))
	for _, p := range turn.Ledger.Parts {
		out += " " + p.Phase.String()
	}
	return out
}
