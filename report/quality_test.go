package report

import (
	"slices"
	"testing"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/dialect"
	"github.com/slowtoken/slowtoken/analyzer/population"
)

func doubtNamed(r *Report, name string) Doubt {
	i := slices.IndexFunc(r.Quality.Doubts, func(d Doubt) bool { return d.Name == name })
	if i < 0 {
		return Doubt{}
	}
	return r.Quality.Doubts[i]
}

func phaseNamed(r *Report, p analyzer.Phase) Phase {
	i := slices.IndexFunc(r.Phases, func(ph Phase) bool { return ph.Phase == p })
	if i < 0 {
		return Phase{}
	}
	return r.Phases[i]
}

// manyCalls are so many calls of the gateway, of which some state a decode that their span has no room for.
func manyCalls(n, wrong int) []testSpan { return decodeCalls(n, wrong, 20) }

// decodeCalls are so many calls of the gateway, some of them with another decode duration in seconds.
func decodeCalls(n, some int, decode float64) []testSpan {
	var list []testSpan
	for i := range n {
		calls := gatewayCalls()[:2]
		for k := range calls {
			calls[k].trace = byte(i + 1)
		}
		if i < some {
			for k, a := range calls[1].attributes {
				if a.Key == "gen_ai.latency.time_in_model_decode" {
					calls[1].attributes[k].Value = analyzer.Double(decode)
				}
			}
		}
		list = append(list, calls...)
	}
	return list
}

func TestPhasesAreNotTrustedFromATenthOn(t *testing.T) {
	for _, c := range []struct {
		wrong int
		want  bool
	}{{0, false}, {3, false}, {4, true}} {
		r := buildReport(t, manyCalls(40, c.wrong), Options{})
		d := doubtNamed(r, analyzer.WarnDurationRefused)
		if d.Requests != c.wrong || d.Share != float64(c.wrong)/40 || d.Discredits != c.want {
			t.Errorf("%d of 40 wrong: %+v", c.wrong, d)
		}
		prefill := phaseNamed(r, analyzer.Prefill)
		if prefill.NotTrusted != c.want || prefill.DoubtedShare != float64(c.wrong)/40 || slices.Contains(r.Quality.NotTrusted, analyzer.Prefill) != c.want {
			t.Errorf("%d of 40 wrong: prefill %+v, not trusted %v", c.wrong, prefill, r.Quality.NotTrusted)
		}
		if f := phaseNamed(r, analyzer.Stream); f.NotTrusted {
			t.Error("stream is not trusted, though nothing touches it")
		}
		if c.want && r.Quality.Doubts[0].Name != analyzer.WarnDurationRefused {
			t.Errorf("what discredits is not first: %+v", r.Quality.Doubts)
		}
	}
}

// Half of the children's time lies beyond the parents: a few traces, or all, it is the time that counts.
func TestClippedTimeWeighs(t *testing.T) {
	late := func(by float64) []testSpan {
		list := manyCalls(20, 0)
		for i := range list {
			if list[i].id == 2 {
				list[i].end = list[i-1].end + by
			}
		}
		return list
	}
	small, large := buildReport(t, late(0.01), Options{}), buildReport(t, late(1), Options{})
	if d := doubtNamed(small, analyzer.WarnClipped); d.Requests != 20 || d.Time != 20*10e6 || d.Discredits {
		t.Errorf("10 ms beyond 1.3 s: %+v", d)
	}
	if d := doubtNamed(large, analyzer.WarnClipped); d.Time != 20*second || d.TimeShare < 0.7 || !d.Discredits {
		t.Errorf("1 s beyond 1.3 s: %+v", d)
	}
	if len(small.Quality.NotTrusted) != 0 || !slices.Contains(large.Quality.NotTrusted, analyzer.Decode) {
		t.Errorf("not trusted: %v, and %v", small.Quality.NotTrusted, large.Quality.NotTrusted)
	}
}

func TestOverrunsAreBounded(t *testing.T) {
	r := buildReport(t, decodeCalls(20, 20, 0.82), Options{}) // 20 ms more than there is room for
	if d := doubtNamed(r, analyzer.WarnOverrun); d.Requests != 20 || d.Discredits || phaseNamed(r, analyzer.Decode).NotTrusted {
		t.Errorf("an overrun discredits, or is not there: %+v", d)
	}
}

func TestSamplingIsSaid(t *testing.T) {
	sampled := func(states ...string) []analyzer.Span {
		spans := spansOf(manyCalls(len(states), 0))
		for i := range spans {
			spans[i].TraceState = states[spans[i].TraceID[0]-1]
		}
		return spans
	}
	none := population.Facts{"sampling": "none"}
	tenth := population.Facts{"sampling": "0.1"}
	for _, c := range []struct {
		name  string
		spans []analyzer.Span
		facts population.Facts
		want  Sampling
		truth float64
	}{
		{"nothing is stated", sampled("", "", ""), nil, Sampling{Basis: SamplingAssumed, Complete: true, Silent: 3, Lowest: 1, Highest: 1}, 0},
		{"stated to be complete", sampled("", "", ""), none, Sampling{Basis: SamplingFact, Complete: true, Silent: 3, Lowest: 1, Highest: 1}, 0},
		{"a tenth, as people say", sampled("", "", ""), tenth, Sampling{Basis: SamplingFact, Silent: 3, Lowest: 0.1, Highest: 0.1}, 30},
		{"half and a quarter", sampled("ot=th:8", "ot=th:c", "ot=th:8"), nil, Sampling{Basis: SamplingTraces, Stated: 3, Lowest: 0.25, Highest: 0.5}, 8},
		{"some say nothing", sampled("ot=th:8", "", "x=y"), nil, Sampling{Basis: SamplingTraces, Stated: 1, Silent: 2, Lowest: 0.5, Highest: 1}, 4},
		{"all kept", sampled("ot=th:0", "ot=th:0", "ot=th:0"), nil, Sampling{Basis: SamplingTraces, Complete: true, Stated: 3, Lowest: 1, Highest: 1}, 0},
		{"people know better", sampled("ot=th:8", "ot=th:8", "ot=th:8"), none, Sampling{Basis: SamplingFact, Complete: true, Stated: 3, Lowest: 1, Highest: 1}, 0},
	} {
		r, err := Build(tracesOf(c.spans), Options{Dialects: dialect.All, Facts: c.facts})
		if err != nil {
			t.Fatal(err)
		}
		got := r.Sampling
		if (got.Estimated != nil) != (c.truth != 0) || got.Estimated != nil && (got.Estimated.Value < c.truth-1e-9 || got.Estimated.Value > c.truth+1e-9) {
			t.Errorf("%s: estimated %+v, want %v", c.name, got.Estimated, c.truth)
		}
		if got.Estimated = nil; got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
		if r.Requests.Total != 3 {
			t.Errorf("%s: %d requests, want those seen", c.name, r.Requests.Total)
		}
	}
}

func TestTracesInPartsLookSampled(t *testing.T) {
	list := manyCalls(40, 0)
	for i := range list {
		if list[i].trace <= 2 && list[i].id == 1 {
			list[i].parent, list[i].kind = 9, analyzer.SpanKindInternal
		}
	}
	r := buildReport(t, list, Options{})
	if !r.Sampling.Suspected || doubtNamed(r, population.WarnPartialTrace).Traces != 2 {
		t.Errorf("two of 40 traces lack a parent of the same process: %+v", r.Sampling)
	}
	if r := buildReport(t, list, Options{Facts: population.Facts{"sampling": "none"}}); r.Sampling.Suspected {
		t.Error("suspected against what people state")
	}
}
