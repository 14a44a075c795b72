package synth

import (
	"encoding/binary"
	"math"
	"math/rand/v2"

	"github.com/slowtoken/slowtoken/analyzer"
)

// random draws all that is left to chance. One seed and stream give one sequence, on every machine.
type random struct{ *rand.Rand }

func newRandom(seed, stream uint64) random { return random{rand.New(rand.NewPCG(seed, stream))} }

// exponential draws a gap with the given mean, in nanoseconds.
func (r random) exponential(mean float64) int64 { return int64(r.ExpFloat64() * mean) }

// tokens draws a number of tokens around the median, log-normal, within [low, high].
func (r random) tokens(median, sigma float64, low, high int) int {
	n := int(math.Round(median * math.Exp(sigma*r.NormFloat64())))
	return min(max(n, low), high)
}

// jitter draws from [low, high) nanoseconds.
func (r random) jitter(low, high int64) int64 { return low + r.Int64N(high-low) }

func (r random) traceID() (id analyzer.TraceID) {
	binary.BigEndian.PutUint64(id[:8], r.Uint64())
	binary.BigEndian.PutUint64(id[8:], r.Uint64()|1)
	return id
}

func (r random) spanID() (id analyzer.SpanID) {
	binary.BigEndian.PutUint64(id[:], r.Uint64()|1)
	return id
}

const requestIDDigits = "0123456789abcdef"

// requestID draws an id of the form that OpenAI-compatible servers give a chat completion.
func (r random) requestID() string {
	id := []byte("chatcmpl-0123456789abcdef0123456789abcdef")
	for i := len("chatcmpl-"); i < len(id); i++ {
		id[i] = requestIDDigits[r.IntN(16)]
	}
	return string(id)
}
