package synth

import (
	"slices"
	"testing"
	"time"

	"github.com/slowtoken/slowtoken/analyzer"
)

var corpusEnd = time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC).UnixNano()

func TestCorpusTraces(t *testing.T) {
	const n = 2000
	traces := slices.Collect(Corpus(CorpusOptions{Seed: 1, Traces: n, End: corpusEnd}))
	if len(traces) != n {
		t.Fatalf("got %d traces, want %d", len(traces), n)
	}
	traceIDs := map[analyzer.TraceID]bool{}
	spanIDs := map[analyzer.SpanID]bool{}
	phases := []string{"tokenize", "queue", "gpu_transfer", "prefill", "decode", "stream"}
	for _, spans := range traces {
		if len(spans) != SpansPerTrace {
			t.Fatalf("a trace has %d spans, want %d", len(spans), SpansPerTrace)
		}
		traceIDs[spans[0].TraceID] = true
		gateway, server := spans[0], spans[1]
		if !gateway.Parent.IsZero() || server.Parent != gateway.ID {
			t.Fatalf("trace %s: the server's span is not in the gateway's", gateway.TraceID)
		}
		for i, s := range spans {
			spanIDs[s.ID] = true
			switch {
			case s.TraceID != gateway.TraceID:
				t.Fatalf("span %s is of trace %s, want %s", s.ID, s.TraceID, gateway.TraceID)
			case len(s.Attributes) != AttributesPerSpan:
				t.Fatalf("span %q has %d attributes, want %d", s.Name, len(s.Attributes), AttributesPerSpan)
			case s.Start < gateway.Start || s.End > gateway.End || s.End < s.Start:
				t.Fatalf("span %q is [%d, %d], outside its gateway's [%d, %d]", s.Name, s.Start, s.End, gateway.Start, gateway.End)
			case s.End > corpusEnd:
				t.Fatalf("span %q ends %v after the end", s.Name, time.Duration(s.End-corpusEnd))
			case s.Resource == nil || s.Scope == nil:
				t.Fatalf("span %q has no resource or scope", s.Name)
			}
			keys := map[string]bool{}
			for _, a := range s.Attributes {
				keys[a.Key] = true
			}
			if len(keys) != AttributesPerSpan {
				t.Fatalf("span %q has a key twice: %v", s.Name, s.Attributes)
			}
			if i < 2 {
				continue
			}
			if s.Parent != server.ID || s.Attributes.Text("slowtoken.phase") != phases[i-2] || s.Name != phases[i-2] {
				t.Fatalf("span %d is %q with phase %q in %s, want phase %q in the server's span",
					i, s.Name, s.Attributes.Text("slowtoken.phase"), s.Parent, phases[i-2])
			}
			if i > 2 && s.Start != spans[i-1].End {
				t.Fatalf("%q starts at %d, but %q ends at %d", s.Name, s.Start, spans[i-1].Name, spans[i-1].End)
			}
		}
	}
	if len(traceIDs) != n || len(spanIDs) != n*SpansPerTrace {
		t.Errorf("%d trace ids and %d span ids, want %d and %d different ones", len(traceIDs), len(spanIDs), n, n*SpansPerTrace)
	}
}

func TestCorpusIsReproducible(t *testing.T) {
	options := CorpusOptions{Seed: 5, Traces: 300, End: corpusEnd}
	first := slices.Concat(slices.Collect(Corpus(options))...)
	second := slices.Concat(slices.Collect(Corpus(options))...)
	if !slices.EqualFunc(first, second, func(a, b analyzer.Span) bool { return a.Equal(&b) }) {
		t.Error("the same options gave different spans")
	}
	options.Seed++
	other := slices.Concat(slices.Collect(Corpus(options))...)
	if first[0].Equal(&other[0]) {
		t.Error("another seed gave the same first span")
	}
}

// The servers of a corpus are busy, but keep up: requests queue, and the last ones do not wait longer than the first.
func TestCorpusLoadIsSteady(t *testing.T) {
	var early, late []int64
	i := 0
	const n = 40_000
	for spans := range Corpus(CorpusOptions{Seed: 1, Traces: n, End: corpusEnd}) {
		waited := spans[3].Duration()
		if i < n/2 {
			early = append(early, waited)
		} else {
			late = append(late, waited)
		}
		i++
	}
	a, b := mean(early), mean(late)
	t.Logf("mean wait %v, then %v", time.Duration(a), time.Duration(b))
	if a < float64(5*time.Millisecond) || b < a/2 || b > a*2 {
		t.Errorf("the mean wait is %v in the first half and %v in the second; want both above 5ms and alike", time.Duration(a), time.Duration(b))
	}
}

func mean(ns []int64) float64 {
	var sum float64
	for _, n := range ns {
		sum += float64(n)
	}
	return sum / float64(len(ns))
}

func BenchmarkCorpus(b *testing.B) {
	b.ReportAllocs()
	for spans := range Corpus(CorpusOptions{Seed: 1, Traces: b.N, End: corpusEnd}) {
		if len(spans) != SpansPerTrace {
			b.Fatal(len(spans))
		}
	}
	b.ReportMetric(float64(SpansPerTrace*b.N)/b.Elapsed().Seconds(), "spans/s")
}
