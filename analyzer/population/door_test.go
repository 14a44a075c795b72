package population_test

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/dialect"
	"github.com/slowtoken/slowtoken/analyzer/population"
)

// A visit is a request's way to a server and its time there, in nanoseconds from the first. Its answer gets out of the
// server when the engine is done, or later.
type visit struct{ sent, accepted, prefill, done, out int64 }

// visits returns what is read of them all, as vLLM and HTTP spans tell.
func visits(list []visit) *population.Population {
	b := population.NewBuilder(population.Window{}, population.Filter{}, dialect.All)
	app := &analyzer.Resource{Attributes: analyzer.Attributes{{Key: "service.name", Value: analyzer.String("app")}}}
	engine := &analyzer.Resource{Attributes: analyzer.Attributes{
		{Key: "service.name", Value: analyzer.String("engine")}, {Key: "service.instance.id", Value: analyzer.String("e0")},
	}}
	for i, v := range list {
		var spans []analyzer.Span
		add := func(name string, kind analyzer.SpanKind, resource *analyzer.Resource, start, end int64, attributes ...analyzer.Attribute) {
			s := analyzer.Span{Name: name, Kind: kind, Resource: resource, Start: epoch + start, End: epoch + end, Attributes: attributes}
			binary.BigEndian.PutUint64(s.TraceID[8:], uint64(i+1))
			binary.BigEndian.PutUint64(s.ID[:], uint64(len(spans)+1))
			if len(spans) > 0 {
				binary.BigEndian.PutUint64(s.Parent[:], uint64(len(spans)))
			}
			spans = append(spans, s)
		}
		method := analyzer.Attribute{Key: "http.request.method", Value: analyzer.String("POST")}
		seconds := func(key string, ns int64) analyzer.Attribute {
			return analyzer.Attribute{Key: "gen_ai.latency." + key, Value: analyzer.Double(float64(ns) / 1e9)}
		}
		out := max(v.done, v.out)
		add("HTTP POST", analyzer.SpanKindClient, app, v.sent, out+2*millisecond, method)
		add("POST /v1/chat/completions", analyzer.SpanKindServer, engine, v.accepted, out+millisecond/2, method)
		start := v.accepted + millisecond/4
		add("llm_request", analyzer.SpanKindServer, engine, start, v.done,
			seconds("time_in_queue", 0), seconds("time_in_model_prefill", v.prefill), seconds("time_to_first_token", v.prefill),
			seconds("time_in_model_decode", v.done-start-v.prefill),
			analyzer.Attribute{Key: "gen_ai.usage.prompt_tokens", Value: analyzer.Int(100)},
			analyzer.Attribute{Key: "gen_ai.usage.completion_tokens", Value: analyzer.Int(20)})
		b.Add(analyzer.NewTrace(spans))
	}
	return b.Population()
}

// atTheDoor returns the mean nanoseconds of network and of frontend before the first token.
func atTheDoor(p *population.Population) (network, frontend float64) {
	for i := range p.Records {
		for _, t := range p.Records[i].Phases() {
			switch t.Phase {
			case analyzer.Network:
				network += float64(t.TTFT) / float64(len(p.Records))
			case analyzer.Frontend:
				frontend += float64(t.TTFT) / float64(len(p.Records))
			}
		}
	}
	return network, frontend
}

// arrivals returns times of n requests that come by chance, with a mean gap.
func arrivals(r *rand.Rand, n int, gap float64) (list []int64) {
	var at int64
	for range n {
		at += int64(r.ExpFloat64() * gap)
		list = append(list, at)
	}
	return list
}

// TestDoorOfAProcessThatStandsStill: who comes while a process is stopped waits for it to go on, and not for the network.
func TestDoorOfAProcessThatStandsStill(t *testing.T) {
	r := rand.New(rand.NewPCG(81, 82))
	var list []visit
	var held int64
	// Stopped for the first second of every ten; whatever is due then, the engine's work too, is done once that is over.
	awake := func(at int64) int64 {
		if at%(10*second) < second {
			return at - at%(10*second) + second
		}
		return at
	}
	for _, at := range arrivals(r, 1500, 0.2*float64(second)) {
		v := visit{sent: at, accepted: awake(at + millisecond), prefill: 50 * millisecond}
		held += v.accepted - at - millisecond
		v.prefill = awake(v.accepted+v.prefill) - v.accepted
		v.done = awake(v.accepted + v.prefill + second)
		list = append(list, v)
	}
	network, frontend := atTheDoor(visits(list))
	if mean := float64(held) / float64(len(list)); math.Abs(network-1e6) > 0.3e6 || math.Abs(frontend-mean-0.25e6) > 0.3e6 {
		t.Errorf("network %.2f ms, frontend %.2f ms; want 1 and %.2f", network/1e6, frontend/1e6, mean/1e6+0.25)
	}
}

// TestDoorOfALoopThatServesOneCall: who comes while an event loop runs another's call waits for that.
func TestDoorOfALoopThatServesOneCall(t *testing.T) {
	r := rand.New(rand.NewPCG(83, 84))
	var list []visit
	var free, held int64
	for _, at := range arrivals(r, 400, 1.5*float64(second)) {
		v := visit{sent: at, accepted: max(at+millisecond, free), prefill: 50 * millisecond}
		held += v.accepted - at - millisecond
		v.done = v.accepted + int64((0.5+r.Float64())*float64(second))
		free = v.done + millisecond
		list = append(list, v)
	}
	network, frontend := atTheDoor(visits(list))
	if mean := float64(held) / float64(len(list)); math.Abs(network-1e6) > 0.3e6 || math.Abs(frontend-mean-0.25e6) > 0.3e6 {
		t.Errorf("network %.2f ms, frontend %.2f ms; want 1 and %.2f", network/1e6, frontend/1e6, mean/1e6+0.25)
	}
}

// TestDoorOfAFrontEndThatStandsStill: while a front end stands still, its engine goes on in a process of its own, and what it
// makes gets out when the front end goes on.
func TestDoorOfAFrontEndThatStandsStill(t *testing.T) {
	r := rand.New(rand.NewPCG(87, 88))
	var list []visit
	var held int64
	awake := func(at int64) int64 {
		if at%(4*second) < second {
			return at - at%(4*second) + second
		}
		return at
	}
	for _, at := range arrivals(r, 1500, 0.2*float64(second)) {
		v := visit{sent: at, accepted: awake(at + millisecond), prefill: 50 * millisecond}
		held += v.accepted - at - millisecond
		v.done = v.accepted + v.prefill + int64((1+r.Float64())*float64(second))
		v.out = awake(v.done)
		list = append(list, v)
	}
	network, frontend := atTheDoor(visits(list))
	if mean := float64(held) / float64(len(list)); math.Abs(network-1e6) > 0.3e6 || math.Abs(frontend-mean-0.25e6) > 0.3e6 {
		t.Errorf("network %.2f ms, frontend %.2f ms; want 1 and %.2f", network/1e6, frontend/1e6, mean/1e6+0.25)
	}
}

// TestDoorOfBatchesThatEndTogether: a link that fails now and then, while the engine goes on and answers end in batches that
// happen to end when it does not, says nothing about the server: that few batches end is no sign that it stands still.
func TestDoorOfBatchesThatEndTogether(t *testing.T) {
	r := rand.New(rand.NewPCG(89, 90))
	var list []visit
	for _, at := range arrivals(r, 1500, 0.1*float64(second)) {
		v := visit{sent: at, accepted: at + millisecond, prefill: 2 * second}
		if at%(30*second) < second {
			v.accepted += second - at%(30*second)
		}
		// A batch ends every 15 s, five seconds after the link is back.
		v.done = v.accepted + v.prefill + second
		v.done += 15*second - (v.done+9*second)%(15*second)
		list = append(list, v)
	}
	network, frontend := atTheDoor(visits(list))
	var under float64
	for _, v := range list {
		under += float64(v.accepted-v.sent) / float64(len(list))
	}
	if math.Abs(network-under) > 0.05*under || frontend > 0.5e6 {
		t.Errorf("network %.2f ms, frontend %.2f ms; want %.2f and 0.25", network/1e6, frontend/1e6, under/1e6)
	}
}

// TestDoorIsNotTheNetwork: requests that the network delays, each for itself or all at once, are not at the door: the
// server takes others up meanwhile, or goes on with those that it has.
func TestDoorIsNotTheNetwork(t *testing.T) {
	delays := map[string]func(r *rand.Rand, at int64) int64{
		"one in four takes another way": func(r *rand.Rand, _ int64) int64 {
			if r.Float64() < 0.25 {
				return 300 * millisecond
			}
			return millisecond
		},
		"delays that vary": func(r *rand.Rand, _ int64) int64 { return int64(r.ExpFloat64() * 100e6) },
		"a link that fails for a second of ten": func(_ *rand.Rand, at int64) int64 {
			if at%(10*second) < second {
				return second - at%(10*second) + millisecond
			}
			return millisecond
		},
	}
	for name, delay := range delays {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(85, 86))
			var list []visit
			var under int64
			for _, at := range arrivals(r, 1500, 0.2*float64(second)) {
				v := visit{sent: at, accepted: at + delay(r, at), prefill: 50 * millisecond}
				under += v.accepted - v.sent
				v.done = v.accepted + v.prefill + int64((1+r.Float64())*float64(second))
				list = append(list, v)
			}
			slices.SortFunc(list, func(a, b visit) int { return int(a.sent - b.sent) })
			network, frontend := atTheDoor(visits(list))
			if mean := float64(under) / float64(len(list)); math.Abs(network-mean) > 0.01*mean || frontend > 0.3e6 {
				t.Errorf("network %.2f ms, frontend %.2f ms; want %.2f and 0.25", network/1e6, frontend/1e6, mean/1e6)
			}
		})
	}
}
