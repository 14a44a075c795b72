package sim

import (
	"math"
	"slices"
	"testing"

	"github.com/slowtoken/slowtoken/inference/arrival"
)

// A share of calls loses its look-up and asks again after the resolver's time; all that comes after is as before.
func TestLostLookupsAreTriedAgain(t *testing.T) {
	const again = int64(3e9)
	kept := furtherRun(t, func(*Config) {})
	lost := furtherRun(t, func(c *Config) { c.Network.Lookups, c.Network.Lookup = 0.1, again })
	late := 0
	for i := range kept.Requests {
		switch more := lost.Requests[i].GatewayIn - kept.Requests[i].GatewayIn; more {
		case again:
			late++
		case 0:
		default:
			t.Fatalf("request %d comes %d ns later to the gateway, want 0 or %d", i, more, again)
		}
	}
	if share := float64(late) / float64(len(kept.Requests)); math.Abs(share-0.1) > 0.04 {
		t.Errorf("%.2f of all calls lose their look-up, want a tenth", share)
	}
}

// A gateway that checks answers passes nothing on before it has all of an answer, and takes as long for it as it is long.
func TestAGatewayThatChecksPassesAnswersOnWhole(t *testing.T) {
	const token = int64(10e6)
	open := furtherRun(t, func(*Config) {})
	checked := furtherRun(t, func(c *Config) { c.Network.CheckToken, c.KeepTokens = token, true })
	for i := range open.Requests {
		a, b := &open.Requests[i], &checked.Requests[i]
		if want := a.ClientEnd + token*int64(b.Output); b.ClientEnd != want {
			t.Fatalf("request %d ends at %d, want %d", i, b.ClientEnd, want)
		}
		if b.First.Read != b.Last.Read || b.First.Written != a.First.Written || b.Chunks != 1 || len(b.ChunkTimes) != 1 || b.ChunkContent[0] != b.Output {
			t.Fatalf("request %d: the first token is read at %d, the last at %d, in %d messages", i, b.First.Read, b.Last.Read, b.Chunks)
		}
	}
}

// While a front end's garbage is collected, nobody is taken up or handled, and no text gets out; the engine goes on.
func TestTheLoopStandsStillWhileGarbageIsCollected(t *testing.T) {
	const every, length = int64(4e9), int64(900e6)
	run := furtherRun(t, func(c *Config) { c.Server.CollectEvery, c.Server.Collect = every, length })
	met, stepped := 0, 0
	for i := range run.Requests {
		r := &run.Requests[i]
		// A collection begins when the job at hand is done, which takes less than a millisecond.
		during := func(at int64) bool {
			into := (at - run.Config.Start + every/2) % every
			return at > run.Config.Start+every/2 && into > 1e6 && into < length
		}
		if during(r.Accepted) || during(r.Handled) || during(r.First.Detokenized-run.Config.Server.Detokenize) {
			t.Fatalf("request %d: taken up at %d, handled at %d, first text at %d", i, r.Accepted, r.Handled, r.First.Detokenized)
		}
		if during(r.ServerIn) {
			met++
		}
		if during(r.LastToken) {
			stepped++
		}
	}
	if met < 50 || stepped < 50 {
		t.Errorf("%d requests come during collections, and the engine makes %d last tokens then", met, stepped)
	}
}

// A client that stops reads nothing for as long as it stops, from its third message on.
func TestClientsStopReadingOnce(t *testing.T) {
	const stop = int64(5e9)
	run := furtherRun(t, func(c *Config) {
		c.Client.Stops, c.Client.Stop, c.Client.Window, c.Server.Separate, c.KeepTokens = 0.3, stop, 16, true, true
	})
	stopped := 0
	for i := range run.Requests {
		r := &run.Requests[i]
		if len(r.ChunkTimes) < 3 {
			continue
		}
		longest, at := int64(0), 0
		for k := 1; k < len(r.ChunkTimes); k++ {
			if gap := r.ChunkTimes[k] - r.ChunkTimes[k-1]; gap > longest {
				longest, at = gap, k
			}
		}
		if stops := r.Chances.Tail < 0.3; stops != (longest >= stop) || stops && at != 2 {
			t.Fatalf("request %d: stops %v, and its longest gap is %d ns before message %d", i, stops, longest, at+1)
		}
		if longest >= stop {
			stopped++
		}
	}
	if share := float64(stopped) / float64(len(run.Requests)); math.Abs(share-0.3) > 0.06 {
		t.Errorf("%.2f of all clients stop, want three in ten", share)
	}
}

// A router that looks at intervals sends everybody to one replica until it looks again, and then to the emptiest.
func TestAStaleRouterSendsEverybodyToOne(t *testing.T) {
	const look = int64(7e9)
	run := furtherRun(t, func(c *Config) { c.Replicas, c.Routing, c.Look = 3, RouteStale, look })
	order := make([]*Request, len(run.Requests))
	for i := range run.Requests {
		order[i] = &run.Requests[i]
	}
	slices.SortFunc(order, func(a, b *Request) int { return int(a.ServerIn - b.ServerIn) })
	looked, changes := order[0].ServerIn, 0
	for k := 1; k < len(order); k++ {
		if at := order[k].ServerIn; at >= looked+look {
			looked = at
			if order[k].Replica != order[k-1].Replica {
				changes++
			}
		} else if order[k].Replica != order[k-1].Replica {
			t.Fatalf("request %d goes to replica %d, the one before to %d, and nobody looked between", k, order[k].Replica, order[k-1].Replica)
		}
	}
	if changes < 5 {
		t.Errorf("the router changes its mind %d times in 60 s", changes)
	}
}

// While somebody is in service, others are taken up after so many steps only, and then all that wait are.
func TestOthersAreTakenUpAfterSoManySteps(t *testing.T) {
	const steps = 50
	e := NewEngine(EngineConfig{Slots: 8, TokenBudget: 30, AdmitEvery: steps}, Linear{PromptToken: 1, StepBase: 10})
	list := make([]*Sequence, 4)
	for i := range list {
		list[i] = &Sequence{ID: i, Prompt: 20, Output: 200}
	}
	e.Submit(list[0], 0)
	now, made, begun := int64(0), 0, map[int]int{}
	for made < 3*steps {
		if made == 5 {
			for _, s := range list[1:] {
				e.Submit(s, now)
			}
		}
		at := now
		end, ok := e.Begin(at)
		if !ok {
			t.Fatal("nothing can run")
		}
		for _, s := range list {
			if _, seen := begun[s.ID]; !seen && s.Queued <= at && slices.Contains(e.running, s) {
				begun[s.ID] = made
			}
		}
		now = end
		e.Finish(now, func(*Sequence, bool) {})
		made++
	}
	// The first at once; the others from the fiftieth step after that on, 30 tokens a step.
	if begun[0] != 0 || begun[1] != steps || begun[2] != steps || begun[3] < steps+1 || begun[3] > steps+3 {
		t.Errorf("sequences are taken up at steps %v", begun)
	}
}

// Steps of more sequences than were captured take longer, and the device waits for that long.
func TestStepsThatWereNotCapturedAreLaunchedOneByOne(t *testing.T) {
	r := NewRoofline(Llama8B, H100, 1)
	r.PerSequence = 0
	captured := r
	r.Captured, r.Launch = 4, 30e6
	for decodes, more := range map[int]int64{1: 0, 4: 0, 5: 30e6, 40: 30e6} {
		b := Batch{Decodes: decodes, Context: 100 * decodes}
		if got := r.Step(b) - captured.Step(b); got != more || r.Host(b)-captured.Host(b) != more {
			t.Errorf("%d sequences: %d ns more a step, %d of them of the host, want %d", decodes, got, r.Host(b)-captured.Host(b), more)
		}
	}
}

// Tenants whose prefixes are salted find their own in the cache and nobody else's.
func TestSaltedPrefixesAreKeptApart(t *testing.T) {
	const salts = 20
	run, err := Simulate(NewConfig(Llama8B, H100), Workload{Length: 60e9, Streams: []Stream{{
		Name: "chat", Arrivals: arrival.Poisson(8), Prompt: Fixed(100), Output: Fixed(10), Prefixes: 2, PrefixTokens: 640, Salts: salts,
	}}})
	if err != nil {
		t.Fatal(err)
	}
	tenant := map[int]int{} // of a prefix
	known := map[int]int64{}
	hits := 0
	for i := range run.Requests {
		r := &run.Requests[i]
		of := int(r.Chances.Tail * salts)
		if before, seen := tenant[r.Prefix]; seen && before != of {
			t.Fatalf("request %d of tenant %d has a prefix of tenant %d", i, of, before)
		}
		tenant[r.Prefix] = of
		since, there := known[r.Prefix]
		if there = there && since <= r.Scheduled; there != (r.Cached == 640) {
			t.Fatalf("request %d, scheduled at %d: %d tokens cached, its prefix is there since %d", i, r.Scheduled, r.Cached, since)
		}
		if there {
			hits++
		}
		if first, seen := known[r.Prefix]; !seen || r.FirstToken < first {
			known[r.Prefix] = r.FirstToken
		}
	}
	if len(tenant) != 2*salts || hits < 300 {
		t.Errorf("%d prefixes, %d hits", len(tenant), hits)
	}
}
