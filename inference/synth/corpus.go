package synth

import (
	"fmt"
	"iter"
	"time"

	"github.com/slowtoken/slowtoken/analyzer"
)

// SpansPerTrace and AttributesPerSpan are the size of every trace of a [Corpus].
const (
	SpansPerTrace     = 8
	AttributesPerSpan = 12
)

// CorpusOptions say how large a [Corpus] is and when it plays.
type CorpusOptions struct {
	Seed   uint64
	Traces int
	// End is the time that all spans lie before, in nanoseconds since the Unix epoch.
	End int64
	// Rate is the arrivals per second over all instances; 0 is 32. A server instance is there for every 4 of them, which
	// keeps its slots about three quarters full.
	Rate float64
}

const (
	corpusRate      = 32.0
	ratePerInstance = 4.0
	// drain is longer than any request of a corpus takes, so that those that arrive last end before the end.
	drain = int64(2 * time.Minute)
)

var corpusEngine = Engine{
	Slots:           16,
	PrefillBase:     int64(6 * time.Millisecond),
	PrefillPerToken: int64(90 * time.Microsecond),
	StepBase:        int64(9 * time.Millisecond),
	StepPerSequence: int64(250 * time.Microsecond),
}

// Corpus yields the spans of one trace at a time, in the order in which the requests end. Every trace is one chat
// completion: a gateway's HTTP span, the model server's span in it, and in that the six phases tokenize, queue,
// gpu_transfer, prefill, decode and stream, each marked with slowtoken.phase. The memory of a yielded trace is the
// caller's; resources and scopes are shared. Memory does not grow with the number of traces.
func Corpus(o CorpusOptions) iter.Seq[[]analyzer.Span] {
	return func(yield func([]analyzer.Span) bool) {
		rate := o.Rate
		if rate <= 0 {
			rate = corpusRate
		}
		instances := max(1, int(rate/ratePerInstance))
		span := int64(float64(o.Traces) / rate * 1e9)
		start := o.End - drain - span

		streams := make([]iter.Seq[*chat], instances)
		for i := range streams {
			share := o.Traces / instances
			if i < o.Traces%instances {
				share++
			}
			streams[i] = newFleetMember(o.Seed, i).serve(share, start, span)
		}
		for c := range merge(streams, func(c *chat) int64 { return c.end }) {
			if !yield(c.spans()) {
				return
			}
		}
	}
}

// merge yields the items of streams by key, given that each stream is nearly so ordered already.
func merge[T any](streams []iter.Seq[T], key func(T) int64) iter.Seq[T] {
	return func(yield func(T) bool) {
		type head struct {
			item T
			next func() (T, bool)
		}
		var heads []head
		for _, s := range streams {
			next, stop := iter.Pull(s)
			defer stop()
			if item, ok := next(); ok {
				heads = append(heads, head{item, next})
			}
		}
		for len(heads) > 0 {
			first := 0
			for i := range heads {
				if key(heads[i].item) < key(heads[first].item) {
					first = i
				}
			}
			if !yield(heads[first].item) {
				return
			}
			if item, ok := heads[first].next(); ok {
				heads[first].item = item
			} else {
				heads = append(heads[:first], heads[first+1:]...)
			}
		}
	}
}

// A fleetMember is one instance of the model server with the gateway in front of it.
type fleetMember struct {
	random          random
	model           string
	gateway, server *analyzer.Resource
	tenants         []string
	clients         []string
}

var corpusModels = []string{"llama-3.1-8b-instruct", "qwen2.5-14b-instruct", "mistral-7b-instruct-v0.3"}

func newFleetMember(seed uint64, i int) *fleetMember {
	m := &fleetMember{
		random: newRandom(seed, uint64(i)),
		model:  corpusModels[i%len(corpusModels)],
		gateway: &analyzer.Resource{Attributes: analyzer.Attributes{
			{Key: "service.name", Value: analyzer.String("api-gateway")},
			{Key: "service.instance.id", Value: analyzer.String(fmt.Sprintf("api-gateway-%d", i%2))},
			{Key: "deployment.environment.name", Value: analyzer.String("production")},
			{Key: "telemetry.sdk.language", Value: analyzer.String("go")},
		}},
		server: &analyzer.Resource{Attributes: analyzer.Attributes{
			{Key: "service.name", Value: analyzer.String("llm-server")},
			{Key: "service.instance.id", Value: analyzer.String(fmt.Sprintf("llm-server-%d", i))},
			{Key: "deployment.environment.name", Value: analyzer.String("production")},
			{Key: "host.name", Value: analyzer.String(fmt.Sprintf("gpu-node-%02d", i/8))},
			{Key: "telemetry.sdk.language", Value: analyzer.String("python")},
		}},
	}
	for n := range 40 {
		m.tenants = append(m.tenants, fmt.Sprintf("tenant-%02d", n))
	}
	for n := range 2000 {
		m.clients = append(m.clients, fmt.Sprintf("10.%d.%d.%d", 16+n%4, n/250, n%250+1))
	}
	return m
}

// serve lets n requests arrive within span nanoseconds from start and yields them as they end.
func (m *fleetMember) serve(n int, start, span int64) iter.Seq[*chat] {
	return func(yield func(*chat) bool) {
		inFlight := map[*Call]*chat{}
		calls := func(yield func(*Call) bool) {
			var tokenizerFree int64
			for at := range scattered(m.random, n, span) {
				c := m.newChat(start + at)
				// One thread tokenizes, so requests reach the queue in the order in which they came.
				c.tokenize = max(c.received, tokenizerFree)
				tokenizerFree = c.tokenize + int64(80*time.Microsecond) + int64(c.call.Prompt)*1200
				c.call.Queued = tokenizerFree
				inFlight[&c.call] = c
				if !yield(&c.call) {
					return
				}
			}
		}
		for call := range corpusEngine.Serve(calls) {
			c := inFlight[call]
			delete(inFlight, call)
			c.finish(m.random)
			if !yield(c) {
				return
			}
		}
	}
}
