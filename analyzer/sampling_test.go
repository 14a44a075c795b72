package analyzer

import (
	"math"
	"testing"
)

func TestSamplersSayWithWhichProbabilityTheyKeptASpan(t *testing.T) {
	probabilistic := func(v Value) Attributes {
		return Attributes{{"sampler.type", String("probabilistic")}, {"sampler.param", v}}
	}
	for _, c := range []struct {
		name       string
		state      string
		attributes Attributes
		want       float64
	}{
		{name: "nothing is stated"},
		{name: "threshold zero keeps all", state: "ot=th:0", want: 1},
		{name: "half", state: "ot=th:8", want: 0.5},
		{name: "a quarter", state: "ot=th:c", want: 0.25},
		{name: "a tenth, in full", state: "ot=th:e6666666666666", want: 0.1},
		{name: "digits at the end may be left out", state: "ot=th:c0000000000000", want: 0.25},
		{name: "the least there is", state: "ot=th:ffffffffffffff", want: 0x1p-56},
		{name: "beside randomness and other members", state: "vendor=a:b;c, ot=rv:abcdef01234567;th:8 ,x=th:c", want: 0.5},
		{name: "of another vendor", state: "vendor=th:8"},
		{name: "too many digits", state: "ot=th:800000000000000"},
		{name: "no digits", state: "ot=th:"},
		{name: "not hexadecimal", state: "ot=th:g"},
		{name: "capitals are not allowed", state: "ot=th:C"},
		{name: "signs are not allowed", state: "ot=th:+8"},
		{name: "a power of two", state: "ot=p:8;r:62", want: 1.0 / 256},
		{name: "power zero keeps all", state: "ot=p:0", want: 1},
		{name: "power 63 is never", state: "ot=p:63"},
		{name: "not a power", state: "ot=p:-1"},
		{name: "Jaeger's constant sampler", attributes: Attributes{{"sampler.type", String("const")}, {"sampler.param", Bool(true)}}, want: 1},
		{name: "Jaeger's probabilistic sampler", attributes: probabilistic(Double(0.01)), want: 0.01},
		{name: "its parameter as text", attributes: probabilistic(String("0.01")), want: 0.01},
		{name: "its parameter is none", attributes: probabilistic(Double(7)), want: UnknownRate},
		{name: "Jaeger's rate limiter", attributes: Attributes{{"sampler.type", String("ratelimiting")}, {"sampler.param", Double(2)}}, want: UnknownRate},
		{name: "Honeycomb's one in twenty", attributes: Attributes{{"SampleRate", Int(20)}}, want: 0.05},
		{name: "one in zero", attributes: Attributes{{"SampleRate", Int(0)}}},
		{name: "not a number", attributes: Attributes{{"SampleRate", Double(math.NaN())}}},
		{name: "tracestate goes before attributes", state: "ot=th:8", attributes: Attributes{{"SampleRate", Int(20)}}, want: 0.5},
	} {
		s := Span{TraceState: c.state, Attributes: c.attributes}
		if got := SamplingProbability(&s); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func FuzzTracestate(f *testing.F) {
	for _, s := range []string{"", "ot=th:0", "ot=th:e6666666666666;rv:1", "a=b,ot=p:3;r:4", "ot=th", "ot=,ot=th:;th:1", ",=;:"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if p := tracestateProbability(s); !(p >= 0 && p <= 1) {
			t.Errorf("%q: %v is no probability", s, p)
		}
	})
}
