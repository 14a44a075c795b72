package report

import (
	"strings"

	"github.com/slowtoken/slowtoken/analyzer/population"
)

// A Definition is how a benchmark defines its measures, as arithmetic on TTFT, E2E and the number n of output tokens of a
// request. Quantiles stay nearest-rank; the benchmarks interpolate between ranks.
type Definition struct {
	Name     string
	Measures []DefinedMeasure
}

// A DefinedMeasure is one measure of a benchmark.
type DefinedMeasure struct {
	Name, Unit, Formula string

	tokens  int64 // the fewest output tokens that it is defined for
	ttft    bool  // it needs TTFT
	compute func(ttft, e2e, n float64) float64
}

// Definitions lists every benchmark whose definitions there are. AIPerf's inter token latency is vLLM's TPOT; guidellm
// and llmperf each have a measure that spreads the time to the first token over all tokens.
var Definitions = []Definition{
	{"vllm", []DefinedMeasure{firstToken("TTFT"), afterFirst("TPOT"), whole("E2EL")}},
	{"aiperf", []DefinedMeasure{firstToken("TTFT"), afterFirst("ITL"), whole("request latency")}},
	{"guidellm", []DefinedMeasure{firstToken("TTFT"), spread("TPOT"), afterFirst("ITL"), whole("request latency")}},
	{"llmperf", []DefinedMeasure{firstToken("TTFT"), spread("inter-token latency"), whole("end-to-end latency")}},
}

func firstToken(name string) DefinedMeasure {
	return DefinedMeasure{name, "ns", "TTFT", 0, true, func(ttft, _, _ float64) float64 { return ttft }}
}

func whole(name string) DefinedMeasure {
	return DefinedMeasure{name, "ns", "E2E", 0, false, func(_, e2e, _ float64) float64 { return e2e }}
}

func afterFirst(name string) DefinedMeasure {
	return DefinedMeasure{name, "ns/token", "(E2E - TTFT) / (n - 1)", 2, true, func(ttft, e2e, n float64) float64 { return (e2e - ttft) / (n - 1) }}
}

func spread(name string) DefinedMeasure {
	return DefinedMeasure{name, "ns/token", "E2E / n", 1, false, func(_, e2e, n float64) float64 { return e2e / n }}
}

// DefinitionNamed returns the definition of that name.
func DefinitionNamed(name string) (Definition, bool) {
	for _, d := range Definitions {
		if d.Name == strings.ToLower(name) {
			return d, true
		}
	}
	return Definition{}, false
}

// Of returns the measure of one request; ok is false where it is undefined.
func (d *DefinedMeasure) Of(r *population.Record) (value float64, ok bool) {
	ttft, known := r.TTFT()
	if d.ttft && !known || d.tokens > 0 && r.OutputTokens < d.tokens {
		return 0, false
	}
	return d.compute(float64(ttft), float64(r.E2E()), float64(r.OutputTokens)), true
}
