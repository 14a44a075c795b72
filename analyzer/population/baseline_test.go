package population

import (
	"encoding/binary"
	"fmt"
	"math"
	"testing"

	"github.com/slowtoken/slowtoken/analyzer"
)

// prefillAt returns requests that do not wait, whose prefill takes that many times 0.2 ms a token, and their score in it.
func prefillAt(factor float64, baseline *Sample) (*Population, Score) {
	var list []planned
	for i := range int64(200) {
		tokens := 500 + i*37%1500
		list = append(list, planned{
			start: 1e18 + i*5e9, prefill: int64(factor * float64(tokens) * 2e5), decode: 4e9, in: tokens, out: 50, instance: "e",
		})
	}
	p := populationOf(list)
	s := Examine(p, StudyOptions{Seed: 1, Baseline: baseline})
	for _, score := range s.Scores {
		if score.Phase == analyzer.Prefill && score.Path == PathE2E && score.Cohort == CohortAll {
			return p, score
		}
	}
	return p, Score{}
}

// TestBaselineSeesWhatAllShare: prefill that is slow in all requests is at its floor as far as they tell, and is not
// against a baseline; the baseline itself is at its floor.
func TestBaselineSeesWhatAllShare(t *testing.T) {
	p, own := prefillAt(1, nil)
	saved := p.Sample(1000, 0)
	_, same := prefillAt(1, saved)
	_, slow := prefillAt(2, nil)
	q, against := prefillAt(2, saved)
	for name, s := range map[string]Score{"today": own, "the baseline against itself": same, "all slow, without a baseline": slow} {
		if s.Value == nil || *s.Value > 0.1 {
			t.Errorf("%s: %+v, want a score of 0", name, s)
		}
	}
	if same.FloorSource != FloorBaseline || against.FloorSource != FloorBaseline || slow.FloorSource == FloorBaseline {
		t.Errorf("floors by %q, %q and %q", same.FloorSource, against.FloorSource, slow.FloorSource)
	}
	var prefill, all float64
	for i := range q.Records {
		r := &q.Records[i]
		prefill, all = prefill+float64(r.E2E()-4e9), all+float64(r.E2E())
	}
	if want := 100 * prefill / 2 / all; against.Value == nil || math.Abs(*against.Value-want) > 0.5 {
		t.Errorf("against the baseline %+v, want %.1f: half of prefill", against, want)
	}
	if _, few := prefillAt(2, p.Sample(10, 0)); few.FloorSource == FloorBaseline {
		t.Error("a baseline of 10 requests makes a floor")
	}
	saved.Names[0] = "another"
	if _, other := prefillAt(2, saved); other.FloorSource == FloorBaseline {
		t.Error("a baseline of another model makes a floor")
	}
}

// wasteful returns requests with a phase of that detail, of which waste says how long it takes.
func wasteful(n int, phase analyzer.Phase, detail string, model func(int) string, ns func(int) int64) *Population {
	b := NewBuilder(Window{}, Filter{}, nil)
	for i := range n {
		start := int64(1e18) + int64(i)*10e9
		r := analyzer.Request{Start: start, Instance: "e", Model: model(i), InputTokens: 100, OutputTokens: 100, CachedTokens: -1, Sequences: 1, Attempts: 1}
		binary.BigEndian.PutUint64(r.TraceID[8:], uint64(i)+1)
		binary.BigEndian.PutUint64(r.SpanID[:], uint64(i)+1)
		at := start
		add := func(length int64, part analyzer.Part) {
			if length > 0 {
				part.Start, part.End, part.Source = at, at+length, analyzer.SourceSpan
				r.E2ELedger.Parts = append(r.E2ELedger.Parts, part)
				at += length
			}
		}
		add(ns(i), analyzer.Part{Phase: phase, Detail: detail})
		add(1e9, analyzer.Part{Phase: analyzer.Decode})
		r.End = at
		b.survey = survey{}
		b.addRequest(&analyzer.Trace{Spans: []analyzer.Span{{TraceID: r.TraceID, ID: r.SpanID, Start: r.Start, End: r.End}}}, &r)
	}
	return b.Population()
}

// TestWasteHasNoFloor: what need not have been is won back whole, and nothing else is.
func TestWasteHasNoFloor(t *testing.T) {
	one := func(int) string { return "m" }
	for _, c := range []struct {
		name   string
		p      *Population
		phase  analyzer.Phase
		won    int64
		source string
	}{
		{"a model that is loaded again and again", wasteful(40, analyzer.ModelLoad, "", one, func(i int) int64 { return map[bool]int64{true: 4e9}[i%10 == 0] }), analyzer.ModelLoad, 3 * 4e9, FloorWaste},
		{"two models, each loaded once", wasteful(40, analyzer.ModelLoad, "", func(i int) string { return fmt.Sprint(i / 20) }, func(i int) int64 { return map[bool]int64{true: 4e9}[i%20 == 0] }), analyzer.ModelLoad, -1, ""},
		{"decode that stalls", wasteful(40, analyzer.Decode, "stall", one, func(i int) int64 { return int64(i%2) * 5e8 }), analyzer.Decode, 20 * 5e8, FloorQuantile},
		{"retries", wasteful(40, analyzer.Retry, "", one, func(i int) int64 { return int64(i%4/3) * 1e9 }), analyzer.Retry, 10 * 1e9, FloorWaste},
	} {
		s := Examine(c.p, StudyOptions{Seed: 1})
		for _, score := range s.Scores {
			if score.Phase != c.phase || score.Path != PathE2E || score.Cohort != CohortAll {
				continue
			}
			if (score.Value == nil) != (c.won < 0) || score.FloorSource != c.source {
				t.Errorf("%s: %+v", c.name, score)
			} else if won := score.Recoverable.Value * float64(score.N); c.won >= 0 && math.Abs(won-float64(c.won)) > 1e3 {
				t.Errorf("%s: %.0f ns won back, want %d", c.name, won, c.won)
			}
		}
	}
}
