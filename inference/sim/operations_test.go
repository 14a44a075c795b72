package sim

import (
	"math"
	"slices"
	"testing"

	"github.com/slowtoken/slowtoken/inference/arrival"
)

// A gateway with so many connections has no more answers under way, and lets the one that waits longest go when one has ended.
func TestAGatewaysPoolLimitsAnswersUnderWay(t *testing.T) {
	const pool = 4
	run := furtherRun(t, func(c *Config) { c.Network.Upstream = pool })
	type edge struct {
		at   int64
		more int
	}
	var edges []edge
	waited := 0
	for i := range run.Requests {
		r := &run.Requests[i]
		out := r.GatewayOut - run.Config.Network.Gateway
		edges = append(edges, edge{out, 1}, edge{r.Last.AtGateway, -1})
		if out > r.GatewayIn {
			waited++
		}
	}
	slices.SortFunc(edges, func(a, b edge) int {
		if a.at != b.at {
			return int(a.at - b.at)
		}
		return a.more - b.more
	})
	under, most := 0, 0
	for _, e := range edges {
		under += e.more
		most = max(most, under)
	}
	if most != pool || waited < len(run.Requests)/4 {
		t.Errorf("up to %d answers are under way, want %d; %d of %d requests waited", most, pool, waited, len(run.Requests))
	}
}

// Messages get their form one after the other, and requests are not taken up meanwhile.
func TestMessagesGetTheirFormInTheLoop(t *testing.T) {
	const form = int64(3e6)
	plain := furtherRun(t, func(*Config) {})
	formed := furtherRun(t, func(c *Config) { c.Server.Serialize = form })
	var firsts []int64
	later := 0
	for i := range formed.Requests {
		r := &formed.Requests[i]
		firsts = append(firsts, r.First.Detokenized)
		if r.First.Detokenized < r.FirstToken+form {
			t.Fatalf("request %d: its first message has its form %d ns after its token, want at least %d", i, r.First.Detokenized-r.FirstToken, form)
		}
		if r.Handled-r.ServerIn > plain.Requests[i].Handled-plain.Requests[i].ServerIn+form {
			later++
		}
	}
	slices.Sort(firsts)
	for i := 1; i < len(firsts); i++ {
		if firsts[i]-firsts[i-1] < form {
			t.Fatalf("two messages get their form within %d ns, want %d", firsts[i]-firsts[i-1], form)
		}
	}
	if later < len(firsts)/4 {
		t.Errorf("only %d of %d requests wait for messages of others", later, len(firsts))
	}
}

// While a gateway is down every attempt fails, and else none does.
func TestAttemptsFailWhileTheGatewayIsDown(t *testing.T) {
	const every, length = int64(20e9), int64(3e9)
	run := furtherRun(t, func(c *Config) {
		c.Retry = Retry{Status: 503, After: 5e6, Backoff: 2e9, DownEvery: every, DownFor: length}
	})
	failed := 0
	down := func(at int64) bool {
		at -= run.Config.Start
		return at >= every && at%every < length
	}
	for i := range run.Requests {
		r := &run.Requests[i]
		for _, a := range r.Attempts {
			if !down(a.GatewayIn) {
				t.Fatalf("request %d: an attempt fails at %d, when the gateway is up", i, a.GatewayIn)
			}
			failed++
		}
		if down(r.GatewayIn) {
			t.Fatalf("request %d is served at %d, when the gateway is down", i, r.GatewayIn)
		}
	}
	if failed < 20 {
		t.Errorf("only %d attempts fail", failed)
	}
}

// Blocks that are kept are nobody's until their time is over: a small cache lets fewer sequences in, and all are served.
func TestKeptBlocksAreNobodys(t *testing.T) {
	plain := furtherRun(t, func(c *Config) { c.Engine.Blocks = 400 })
	kept := furtherRun(t, func(c *Config) { c.Engine.Blocks, c.Engine.Keep = 400, 3e9 })
	var before, after float64
	for i := range plain.Requests {
		before += float64(plain.Requests[i].Scheduled - plain.Requests[i].Queued)
		after += float64(kept.Requests[i].Scheduled - kept.Requests[i].Queued)
		if kept.Requests[i].ClientEnd == 0 {
			t.Fatalf("request %d has no end", i)
		}
	}
	if n := float64(len(plain.Requests)); after/n < before/n+100e6 {
		t.Errorf("requests wait %.0f ms, and %.0f ms where blocks are kept", before/n/1e6, after/n/1e6)
	}
}

// A slow replica can be slow at times only.
func TestAReplicaIsSlowAtTimes(t *testing.T) {
	c := NewConfig(Llama8B, H100)
	c.Slow, c.SlowEvery, c.SlowFor = map[int]float64{0: 0.5}, 10e9, 4e9
	timing := newReplica(0, c.Start, &c).engine.timing
	full := c.Timing.Step(Batch{Decodes: 1, Context: 100})
	for at, want := range map[int64]int64{5e9: full, 12e9: 2 * full, 15e9: full, 21e9: 2 * full} {
		if got := timing.Step(Batch{At: c.Start + at, Decodes: 1, Context: 100}); got != want {
			t.Errorf("a step after %d s takes %d ns, want %d", at/1e9, got, want)
		}
	}
}

// A replica that is drained gets nobody any more, and its gauges end with its last request.
func TestADrainedReplicaGetsNobody(t *testing.T) {
	const at = int64(20e9)
	var start int64
	run := furtherRun(t, func(c *Config) { c.Replicas, c.Drain, start = 2, map[int]int64{1: c.Start + at}, c.Start })
	last, before := int64(0), 0
	for i := range run.Requests {
		if r := &run.Requests[i]; r.Replica == 1 {
			if r.ServerIn >= start+at {
				t.Fatalf("request %d reaches the drained replica at %d", i, r.ServerIn-start)
			}
			before++
			last = max(last, r.LastToken)
		}
	}
	for _, s := range run.Samples {
		if s.Replica == 1 && s.At > last+SampleInterval {
			t.Fatalf("the drained replica has a gauge at %d", s.At-start)
		}
	}
	if before < 20 {
		t.Errorf("the second replica had %d requests before", before)
	}
}

// Of a tenant that is limited no more than its slots are in service at once, and others pass those of it who wait.
func TestALimitedTenantHasFewSlots(t *testing.T) {
	const slots = 2
	run := furtherRun(t, func(c *Config) { c.Server.Limited = Limited{Share: 0.5, Slots: slots} })
	limited, waited, others := 0, 0, 0
	for i := range run.Requests {
		r := &run.Requests[i]
		if !r.Limited {
			if r.Scheduled-r.Queued > 1e8 {
				others++
			}
			continue
		}
		limited++
		during := 0
		for k := range run.Requests {
			if o := &run.Requests[k]; o.Limited && o.Scheduled <= r.Scheduled && r.Scheduled < o.LastToken {
				during++
			}
		}
		if during > slots {
			t.Fatalf("request %d: %d of its tenant are in service with it", i, during)
		}
		if r.Scheduled-r.Queued > 1e8 {
			waited++
		}
	}
	if limited < 150 || waited < limited/4 || others > 0 {
		t.Errorf("%d of %d limited requests wait, and %d others", waited, limited, others)
	}
}

// An engine that had no work wakes up with the next request, which waits for it in its first step.
func TestASleepingEngineWakesUp(t *testing.T) {
	const wake = int64(2e9)
	c := NewConfig(Llama8B, H100)
	c.Load.SleepAfter, c.Load.WakeUp = 5e9, wake
	run, err := Simulate(c, Workload{Length: 600e9, Streams: []Stream{{Name: "chat", Arrivals: arrival.Poisson(0.1), Prompt: Fixed(200), Output: Fixed(20)}}})
	if err != nil {
		t.Fatal(err)
	}
	woken, free := 0, c.Start
	for i := range run.Requests {
		r := &run.Requests[i]
		asleep := r.Scheduled-free >= c.Load.SleepAfter
		if slow := r.FirstToken-r.Scheduled > wake; slow != asleep {
			t.Fatalf("request %d: the engine was idle for %d ns, and its prefill takes %d", i, r.Scheduled-free, r.FirstToken-r.Scheduled)
		}
		if asleep {
			woken++
		}
		free = max(free, r.LastToken)
	}
	if woken < 10 {
		t.Errorf("only %d requests wake the engine", woken)
	}
}

// A client with a tick sends at ticks only, and never before it means to.
func TestAClientSendsAtTicks(t *testing.T) {
	const tick = int64(2e9)
	run := furtherRun(t, func(c *Config) { c.Client.Tick = tick })
	for i := range run.Requests {
		if r := &run.Requests[i]; (r.Sent-run.Config.Start)%tick != 0 || r.Sent < r.Due {
			t.Fatalf("request %d is due at %d and sent at %d", i, r.Due, r.Sent)
		}
	}
}

// A share of answers goes on to the limit, and the others are as they were.
func TestSomeAnswersRunAway(t *testing.T) {
	const limit = 2000
	stream := Stream{Name: "chat", Arrivals: arrival.Poisson(8), Prompt: Fixed(200), Output: Tokens{Median: 60, Sigma: 0.5, Low: 2, High: 300}}
	plans := func(share float64) []Plan {
		stream.Runaway, stream.RunawayTokens = share, limit
		list, err := (Workload{Length: 100e9, Streams: []Stream{stream}}).plan(1, 0)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	before, after := plans(0), plans(0.125)
	away := 0
	for i := range before {
		switch after[i].output {
		case limit:
			away++
		case before[i].output:
		default:
			t.Fatalf("request %d has %d tokens, %d before", i, after[i].output, before[i].output)
		}
	}
	if share := float64(away) / float64(len(after)); math.Abs(share-0.125) > 0.04 {
		t.Errorf("%.3f of answers run away, want an eighth", share)
	}
}

// What goes by pairs of tokens takes four times as long for twice the prompt; what the host counts goes by the context.
func TestWorkOfTheHostThatGrows(t *testing.T) {
	run := furtherRun(t, func(c *Config) { c.Server.TokenizePair = 100 })
	for i := range run.Requests {
		r := &run.Requests[i]
		want := run.Config.Server.TokenizeBase + run.Config.Server.TokenizeToken*int64(r.Prompt) + 100*int64(r.Prompt*r.Prompt)
		if got := r.Tokenized - r.TokenizeStart; got != want {
			t.Fatalf("request %d is tokenized in %d ns, want %d", i, got, want)
		}
	}
	r := NewRoofline(Llama8B, H100, 1)
	r.PerContext = 2000
	plain := NewRoofline(Llama8B, H100, 1)
	b := Batch{Decodes: 3, Context: 5000}
	if got := r.Step(b) - plain.Step(b); got != 10e6 || r.Host(b)-plain.Host(b) != 10e6 {
		t.Errorf("5000 tokens of context take %d ns more, want 10 ms", got)
	}
}
