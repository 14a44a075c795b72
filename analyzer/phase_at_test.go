package analyzer

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// explainPath spells what PathParts says of the trace's path: the span, its stretch, and the phases in it.
func explainPath(trace *Trace, requests []Request, turns []Turn) (list []struct {
	Span uint64
	Part
}) {
	path := trace.CriticalPath()
	for i, parts := range PathParts(trace, path, requests, turns) {
		for _, p := range parts {
			list = append(list, struct {
				Span uint64
				Part
			}{trace.Spans[path[i].Span].ID.number(), p})
		}
	}
	return list
}

func TestPathPartsComeFromTheInnermostLedger(t *testing.T) {
	span := func(id, parent uint64, start, end int64) Span {
		return Span{TraceID: traceNumber(1), ID: spanNumber(id), Parent: spanNumber(parent), Start: start, End: end}
	}
	part := func(start, end int64, p Phase) Part { return Part{Start: start, End: end, Phase: p} }
	ledger := func(parts ...Part) Ledger { return Ledger{Parts: parts} }
	// An agent (1) makes a call (2) that failed, makes it again (3), and calls a tool (5) that makes a call of its own (6).
	// Span 4 is the engine's view of the second attempt.
	trace := NewTrace([]Span{
		span(1, 0, 0, 100), span(2, 1, 10, 20), span(3, 1, 30, 50), span(4, 3, 35, 50), span(5, 1, 60, 90), span(6, 5, 70, 80),
	})
	requests := []Request{
		{SpanID: spanNumber(3), Start: 10, End: 50, E2ELedger: ledger(part(10, 30, Retry), part(30, 40, Queue), part(40, 50, Decode))},
		{SpanID: spanNumber(6), Start: 70, End: 80, E2ELedger: ledger(part(70, 80, Prefill))},
	}
	turns := []Turn{{SpanID: spanNumber(1), Start: 0, End: 100, Ledger: ledger(
		part(0, 10, Unattributed), part(10, 20, Other), part(20, 30, Unattributed), part(30, 50, Other), part(50, 60, Unattributed),
		part(60, 70, Tool), part(70, 80, Other), part(80, 90, Tool), part(90, 100, Unattributed))}}
	want := []struct {
		Span uint64
		Part
	}{
		{1, part(0, 10, Unattributed)},
		{2, part(10, 20, Retry)},
		{1, part(20, 30, Unattributed)},
		{3, part(30, 35, Queue)},
		{4, part(35, 40, Queue)}, {4, part(40, 50, Decode)},
		{1, part(50, 60, Unattributed)},
		{5, part(60, 70, Tool)},
		{6, part(70, 80, Prefill)},
		{5, part(80, 90, Tool)},
		{1, part(90, 100, Unattributed)},
	}
	if got := explainPath(trace, requests, turns); !slices.Equal(got, want) {
		t.Errorf("path parts are\n%v, want\n%v", got, want)
	}
}

// Of two spans that share an id, the one that ends with the request is meant.
func TestPathPartsOfSpansThatShareAnID(t *testing.T) {
	trace := NewTrace([]Span{
		{TraceID: traceNumber(1), ID: spanNumber(1), Start: 0, End: 10},
		{TraceID: traceNumber(1), ID: spanNumber(1), Start: 20, End: 30},
	})
	requests := []Request{{SpanID: spanNumber(1), Start: 20, End: 30, E2ELedger: Ledger{Parts: []Part{{Start: 20, End: 30, Phase: Decode}}}}}
	got := explainPath(trace, requests, nil)
	if len(got) != 2 || got[0].Phase != Unattributed || got[1].Phase != Decode {
		t.Errorf("path parts are %v, want only the second explained", got)
	}
}

func TestPathPartsTileThePath(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		trace := assemble(anySpans.Draw(t, "trace"))
		var requests []Request
		for i := range trace.Spans {
			if !rapid.Bool().Draw(t, "is a request") {
				continue
			}
			r := Request{SpanID: trace.Spans[i].ID}
			r.Start, r.End = trace.Extent(int32(i))
			r.Start -= rapid.Int64Range(0, 5).Draw(t, "attempts")
			for at := r.Start; at < r.End; {
				end := min(r.End, at+rapid.Int64Range(1, 20).Draw(t, "length"))
				r.E2ELedger.Parts = append(r.E2ELedger.Parts, Part{Start: at, End: end, Phase: Phase(rapid.IntRange(0, NumPhases-1).Draw(t, "phase"))})
				at = end
			}
			requests = append(requests, r)
		}
		turns := []Turn{{SpanID: trace.Spans[0].ID, End: trace.Spans[0].End}}
		path := trace.CriticalPath()
		for i, parts := range PathParts(trace, path, requests, turns) {
			now := path[i].Start
			var ns [NumPhases]int64
			for _, p := range parts {
				if p.Start != now || p.End <= p.Start {
					t.Fatalf("interval %v has the parts %v", path[i], parts)
				}
				now = p.End
				ns[p.Phase] += p.End - p.Start
			}
			if now != path[i].End {
				t.Fatalf("interval %v is explained up to %d", path[i], now)
			}
			if most := MainPhase(parts); ns[most] != slices.Max(ns[:]) {
				t.Fatalf("the main phase of %v is %s", parts, most)
			}
		}
	})
}

func TestMainPhaseOfEqualsIsTheOneReportsNameFirst(t *testing.T) {
	parts := []Part{{Start: 0, End: 5}, {Start: 5, End: 10, Phase: Decode}, {Start: 10, End: 15, Phase: Queue}}
	if got := MainPhase(parts); got != Queue {
		t.Errorf("main phase is %s, want queue", got)
	}
}
