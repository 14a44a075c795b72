package dialect_test

import (
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/dialect"
)

// fromStart are the durations that count from a span's start, by key; others are left out where spans are stretched.
var fromStart = []string{
	"gen_ai.latency.time_to_first_token", "gen_ai.latency.e2e", "gen_ai.response.time_to_first_chunk",
	"gen_ai.response.time_to_first_token", "gen_ai.server.time_to_first_token", "ai.response.msToFirstChunk", "ai.stream.msToFirstChunk",
}

// Whatever takes k ns longer adds k to the part that it is in, and moves all that follows by k, in every dialect: each
// timeline is stretched at the end of each of its spans.
func TestDelayAddsToItsPart(t *testing.T) {
	const k = 1_000_003
	files, err := filepath.Glob("testdata/*/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	stretchedDialects := map[string]bool{}
	for _, file := range files {
		if strings.Contains(file, "units_of") {
			continue // its durations are in other units than durationUnits has
		}
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		spans, err := parseSpans(string(archive.Files[0].Data))
		if err != nil || slices.ContainsFunc(spans, func(s analyzer.Span) bool { return s.TraceID != spans[0].TraceID }) {
			continue // it is not one trace; TestTimelines reads them all
		}
		dropOtherDurations(spans)
		requests, _ := requestsOf(spans)
		if slices.ContainsFunc(requests, func(r analyzer.Request) bool { return r.Warnings[analyzer.WarnClockSkew] > 0 }) {
			continue // the estimate is the middle of a range, of which only one end moves
		}
		for i := range requests {
			stretchedDialects[requests[i].Dialect] = true
		}
		t.Run(strings.TrimSuffix(strings.TrimPrefix(file, "testdata/"), ".txtar"), func(t *testing.T) {
			for _, s := range spans {
				later := func(at int64) int64 {
					if at != 0 && at >= s.End {
						return at + k
					}
					return at
				}
				want, wantTurns := requestsOf(spans)
				stretchResult(want, wantTurns, later)
				got, gotTurns := requestsOf(stretched(spans, later))
				if diff := cmp.Diff(want, got) + cmp.Diff(wantTurns, gotTurns); diff != "" {
					t.Errorf("%s takes %d ns longer (-stretched result +result of stretched):\n%s", spanName(s.ID), k, diff)
				}
			}
		})
	}
	for _, d := range []analyzer.Dialect{
		dialect.VLLM, dialect.TensorRT, dialect.SGLang, dialect.TGI, dialect.Triton, dialect.LiteLLM, dialect.Predecessor,
		dialect.Langfuse, dialect.OpenInference, dialect.Vercel, dialect.OpenLLMetry, dialect.GenAI,
	} {
		if !stretchedDialects[d.Name] {
			t.Errorf("no timeline of %s was stretched", d.Name)
		}
	}
}

func dropOtherDurations(spans []analyzer.Span) {
	for i := range spans {
		spans[i].Attributes = slices.DeleteFunc(spans[i].Attributes, func(a analyzer.Attribute) bool {
			switch a.Key {
			case "validation_time", "queue_time", "langfuse.observation.completion_start_time", "metrics.ttft", "inference.ttft":
				return true
			}
			states := durationUnits[a.Key] > 0 || strings.Contains(strings.ToLower(a.Key), "duration")
			return states && !slices.Contains(fromStart, a.Key)
		})
	}
}

// stretched returns spans with every time, and every end of a duration from the start, moved by later.
func stretched(spans []analyzer.Span, later func(int64) int64) []analyzer.Span {
	out := slices.Clone(spans)
	for i := range out {
		s := &out[i]
		s.Attributes, s.Events = slices.Clone(s.Attributes), slices.Clone(s.Events)
		for k, a := range s.Attributes {
			if ns, ok := a.Value.Number(); ok && slices.Contains(fromStart, a.Key) {
				unit := durationUnits[a.Key]
				ns = float64(later(s.Start+int64(math.Round(ns*unit))) - later(s.Start))
				s.Attributes[k].Value = analyzer.Double(ns / unit)
			}
		}
		for k := range s.Events {
			s.Events[k].Time = later(s.Events[k].Time)
		}
		s.Start, s.End = later(s.Start), later(s.End)
	}
	return out
}

// stretchResult moves every time of what Requests found.
func stretchResult(requests []analyzer.Request, turns []analyzer.Turn, later func(int64) int64) {
	ledger := func(l analyzer.Ledger) {
		for k := range l.Parts {
			l.Parts[k].Start, l.Parts[k].End = later(l.Parts[k].Start), later(l.Parts[k].End)
		}
	}
	for i := range requests {
		r := &requests[i]
		for _, t := range []*int64{&r.Start, &r.End, &r.Entered, &r.FirstToken, &r.LastToken} {
			*t = later(*t)
		}
		for k := range r.Chunks {
			r.Chunks[k] = later(r.Chunks[k])
		}
		ledger(r.TTFTLedger)
		ledger(r.E2ELedger)
	}
	for i := range turns {
		turns[i].Start, turns[i].End = later(turns[i].Start), later(turns[i].End)
		ledger(turns[i].Ledger)
	}
}
