package analyzer

import (
	"math"
	"strconv"
	"strings"
)

// UnknownRate stands for a sampling probability that nobody knows: a sampler that keeps so many traces a second.
const UnknownRate = -1

// The attributes by which samplers say what they did. Jaeger's clients write the first two on the span where they
// decided; Honeycomb's samplers write the third on every span: one in that many is kept.
const (
	samplerType  = "sampler.type"
	samplerParam = "sampler.param"
	sampleRate   = "SampleRate"
)

// SamplingProbability returns with which probability the sampler kept a span, as the span states it: in its tracestate
// (OpenTelemetry's consistent probability sampling, "ot=th:" with a rejection threshold, or "ot=p:" with a power of two)
// or in the attributes of a sampler. It is 0 when nothing states it, and [UnknownRate] when a sampler without a fixed
// rate decided.
func SamplingProbability(s *Span) float64 {
	if p := tracestateProbability(s.TraceState); p != 0 {
		return p
	}
	switch s.Attributes.Text(samplerType) {
	case "const":
		return 1 // the span exists, so the answer was yes
	case "probabilistic":
		if p, ok := s.Attributes.Number(samplerParam); ok && p > 0 && p <= 1 {
			return p
		}
		return UnknownRate
	case "ratelimiting", "lowerbound", "remote":
		return UnknownRate
	}
	if n, ok := s.Attributes.Number(sampleRate); ok && n >= 1 {
		return 1 / n
	}
	return 0
}

// tracestateProbability reads the member of OpenTelemetry, "ot"; 0 when it states no probability.
func tracestateProbability(state string) float64 {
	for member := range strings.SplitSeq(state, ",") {
		vendor, fields, _ := strings.Cut(strings.TrimSpace(member), "=")
		if vendor != "ot" {
			continue
		}
		for field := range strings.SplitSeq(fields, ";") {
			switch key, value, _ := strings.Cut(field, ":"); key {
			case "th":
				return thresholdProbability(value)
			case "p":
				return powerProbability(value)
			}
		}
	}
	return 0
}

// thresholdDigits is how many hexadecimal digits a rejection threshold has; those at the end may be left out if zero.
const thresholdDigits = 14

// thresholdProbability is the share of the 2^56 random values that are not below the threshold.
func thresholdProbability(hex string) float64 {
	if hex == "" || len(hex) > thresholdDigits || strings.ToLower(hex) != hex {
		return 0
	}
	threshold, err := strconv.ParseUint(hex, 16, 64)
	if err != nil {
		return 0
	}
	threshold <<= 4 * (thresholdDigits - len(hex))
	const all = 1 << (4 * thresholdDigits)
	return float64(all-threshold) / all
}

// powerProbability is 2^-p; 63 stands for never, which no span that exists can mean.
func powerProbability(text string) float64 {
	p, err := strconv.ParseUint(text, 10, 8)
	if err != nil || p > 62 {
		return 0
	}
	return math.Ldexp(1, -int(p))
}
