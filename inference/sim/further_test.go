package sim

import (
	"math"
	"slices"
	"testing"

	"github.com/slowtoken/slowtoken/inference/arrival"
)

func furtherRun(t *testing.T, change func(*Config)) *Run {
	t.Helper()
	c := NewConfig(Llama8B, H100)
	change(&c)
	run, err := Simulate(c, Workload{Length: 60e9, Streams: []Stream{{
		Name: "chat", Arrivals: arrival.Poisson(8), Prompt: Fixed(200), Output: Tokens{Median: 60, Sigma: 0.5, Low: 2, High: 300},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	if len(run.Requests) < 400 {
		t.Fatalf("only %d requests", len(run.Requests))
	}
	return run
}

// A gateway with a limit lets requests through in the order in which they came, one each interval, and at once when
// nobody came for one.
func TestAGatewaysLimitLetsOneThroughAtATime(t *testing.T) {
	const interval = int64(1e9 / 10)
	run := furtherRun(t, func(c *Config) { c.Network.Limit = 10 })
	order := make([]*Request, len(run.Requests))
	for i := range run.Requests {
		order[i] = &run.Requests[i]
	}
	slices.SortFunc(order, func(a, b *Request) int { return int(a.GatewayIn - b.GatewayIn) })
	waited := 0
	free := int64(0)
	for _, r := range order {
		at := max(r.GatewayIn, free)
		if got := r.GatewayOut - run.Config.Network.Gateway; got != at {
			t.Fatalf("request %d is let through at %d, want %d", r.Index, got, at)
		}
		if at > r.GatewayIn {
			waited++
		}
		free = at + interval
	}
	if waited < len(order)/2 {
		t.Errorf("%d of %d wait at a use of 80 %%", waited, len(order))
	}
}

// A client that looks at intervals reads at these only, and all that has come.
func TestAClientReadsWhenItLooks(t *testing.T) {
	const every = int64(500e6)
	run := furtherRun(t, func(c *Config) {
		c.Client.ReadEvery, c.Client.ReadChunk, c.Client.Window, c.Server.Separate = every, 1000, 16, true
	})
	for i := range run.Requests {
		r := &run.Requests[i]
		for _, p := range []Passage{r.First, r.Last} {
			if late := (p.Read - r.Due) % every; late > 1000*int64(r.Chunks) || p.Read < p.Arrived || p.Read-p.Arrived > every+1000*int64(r.Chunks) {
				t.Fatalf("request %d: a message that arrives %d ns after it was due is read after %d", i, p.Arrived-r.Due, p.Read-r.Due)
			}
		}
	}
}

// Every call that has to connect first takes that long more on its way, half of it always; what comes after is as before.
func TestCallsConnectFirst(t *testing.T) {
	const mean = 200e6
	kept, anew := furtherRun(t, func(*Config) {}), furtherRun(t, func(c *Config) { c.Network.Connect = mean })
	var sum float64
	for i := range kept.Requests {
		more := anew.Requests[i].GatewayIn - kept.Requests[i].GatewayIn
		if more < mean/2 {
			t.Fatalf("request %d connects in %d ns", i, more)
		}
		sum += float64(more)
	}
	if got := sum / float64(len(kept.Requests)); math.Abs(got/mean-1) > 0.1 {
		t.Errorf("calls connect in %.0f ms on average, want %.0f", got/1e6, mean/1e6)
	}
}

// One handler in so many keeps the event loop for as long as writing the log takes, and nobody is taken up meanwhile.
func TestEveryTwentiethHandlerFlushes(t *testing.T) {
	const flush = int64(400e6)
	run := furtherRun(t, func(c *Config) { c.Server.FlushEvery, c.Server.Flush = 20, flush })
	order := make([]*Request, len(run.Requests))
	for i := range run.Requests {
		order[i] = &run.Requests[i]
	}
	slices.SortFunc(order, func(a, b *Request) int { return int(a.Accepted - b.Accepted) })
	for n := 19; n < len(order); n += 20 {
		end := order[n].Handled
		if order[n].Accepted > end-flush {
			t.Fatalf("handler %d takes %d ns", n+1, end-order[n].Accepted)
		}
		for _, r := range order {
			if at := r.Accepted; at > end-flush && at < end || r.Handled > end-flush && r.Handled < end {
				t.Fatalf("request %d is taken up or handled while handler %d writes the log", r.Index, n+1)
			}
		}
	}
}

// The host keeps the adapters that were wanted last; one that gave way is read again, and one that is being read is
// waited for no longer than that.
func TestAdaptersThatGaveWayAreReadAgain(t *testing.T) {
	var cache adapterCache
	a := Adapters{Count: 4, Kept: 2, Read: 100}
	chanceOf := func(adapter int) float64 { return math.Sqrt((float64(adapter) + 0.5) / 4) }
	for _, step := range []struct {
		adapter   int
		now, want int64
	}{
		{0, 1000, 1100}, {0, 1040, 1100}, {1, 1050, 1150}, {0, 1200, 1100}, // both are there
		{2, 1300, 1400}, {0, 1310, 1100}, {1, 1320, 1420}, // the second gave way to the third, and the third to it
		{2, 1500, 1600}, {3, 1510, 1610},
	} {
		if got := cache.want(a, chanceOf(step.adapter), step.now); got != step.want {
			t.Fatalf("adapter %d, wanted at %d, is there at %d, want %d", step.adapter, step.now, got, step.want)
		}
	}
	if got := cache.want(Adapters{}, 0.5, 7); got != 7 {
		t.Errorf("without adapters a request waits until %d", got)
	}
}

// A sticky router sends a user's requests to one replica, and the first gets the share that is said.
func TestUsersStayAtTheirReplica(t *testing.T) {
	const replicas = 4
	run := furtherRun(t, func(c *Config) { c.Replicas, c.Routing = replicas, RouteSticky })
	first := 0
	for i := range run.Requests {
		r := &run.Requests[i]
		if r.Replica != userOf(r.Chances.Tail)%replicas {
			t.Fatalf("request %d of user %d is at replica %d", i, userOf(r.Chances.Tail), r.Replica)
		}
		if r.Replica == 0 {
			first++
		}
	}
	if got, want := float64(first)/float64(len(run.Requests)), HotShare(replicas); math.Abs(got-want) > 0.06 || want < 0.3 {
		t.Errorf("the first of %d replicas gets %.2f of all requests, want %.2f", replicas, got, want)
	}
}
