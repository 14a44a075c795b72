package sim

import (
	"slices"
	"testing"

	"github.com/slowtoken/slowtoken/inference/arrival"
)

// A gateway with a buffer passes an answer on in pieces of so many tokens; the client gets the first when the first piece
// is full, and the last token when it would have come anyhow.
func TestAGatewayPassesOnWhatFillsItsBuffer(t *testing.T) {
	const tokens = 25
	plain := furtherRun(t, func(c *Config) { c.KeepTokens = true })
	kept := furtherRun(t, func(c *Config) { c.Network.Buffer = tokens })
	for i := range kept.Requests {
		r, p := &kept.Requests[i], &plain.Requests[i]
		sum := 0
		for k, n := range r.ChunkContent {
			if sum += n; n < tokens && k < len(r.ChunkContent)-1 {
				t.Fatalf("request %d: its piece %d has %d tokens, want at least %d", i, k, n, tokens)
			}
		}
		if sum != r.Output || r.Chunks != len(r.ChunkTimes) {
			t.Fatalf("request %d: %d tokens in %d pieces, want %d in %d", i, sum, len(r.ChunkTimes), r.Output, r.Chunks)
		}
		if r.FirstToken != p.FirstToken || r.ClientEnd != p.ClientEnd {
			t.Fatalf("request %d: its first token leaves the engine at %d and all has come at %d, want %d and %d", i, r.FirstToken, r.ClientEnd, p.FirstToken, p.ClientEnd)
		}
		held := 0
		at := slices.IndexFunc(p.ChunkContent, func(n int) bool { held += n; return held >= tokens })
		if at < 0 {
			at = len(p.ChunkTimes) - 1
		}
		if r.First.Read != p.ChunkTimes[at] {
			t.Fatalf("request %d: its first piece is read at %d, want %d", i, r.First.Read, p.ChunkTimes[at])
		}
	}
}

// In no interval does a gateway let more tokens through than its quota, but for those that were refused as often as their
// clients try; what it refuses is tried again later each time.
func TestAGatewayRefusesWhatIsBeyondItsQuota(t *testing.T) {
	const quota, every = 4000, int64(5e9)
	run := furtherRun(t, func(c *Config) {
		c.Network.Quota, c.Network.QuotaEvery = quota, every
		c.Retry = Retry{Status: 429, After: 5e6, Backoff: 1e9}
	})
	through := map[int64]int{}
	refused := 0
	for i := range run.Requests {
		r := &run.Requests[i]
		if len(r.Attempts) < maxAttempts-1 {
			through[(r.GatewayIn-run.Config.Start)/every] += r.Prompt + r.Output
		}
		for k, a := range r.Attempts {
			next := r.Tried
			if k+1 < len(r.Attempts) {
				next = r.Attempts[k+1].Start
			}
			if a.Status != 429 || next-a.End != run.Config.Retry.Backoff<<k {
				t.Fatalf("request %d: attempt %d ends at %d with %d, the next begins at %d", i, k, a.End, a.Status, next)
			}
			refused++
		}
	}
	for interval, tokens := range through {
		if tokens > quota {
			t.Errorf("%d tokens are let through in interval %d, want %d at most", tokens, interval, quota)
		}
	}
	if refused < 100 {
		t.Errorf("only %d attempts are refused", refused)
	}
}

// A template keeps the event loop for as long as the prompt is, and only one at a time.
func TestATemplateTakesAsLongAsThePrompt(t *testing.T) {
	c := NewConfig(Llama8B, H100)
	c.Server.HandleToken = 100_000
	run, err := Simulate(c, Workload{Length: 60e9, Streams: []Stream{{
		Name: "chat", Arrivals: arrival.Poisson(8), Prompt: Tokens{Median: 400, Sigma: 0.8, Low: 10, High: 4000}, Output: Fixed(20),
	}}})
	if err != nil {
		t.Fatal(err)
	}
	var jobs [][2]int64
	for i := range run.Requests {
		r := &run.Requests[i]
		took := c.Server.Handle + c.Server.HandleToken*int64(r.Prompt)
		if r.Handled-r.Accepted < took {
			t.Fatalf("request %d with %d tokens is handled in %d ns, want at least %d", i, r.Prompt, r.Handled-r.Accepted, took)
		}
		jobs = append(jobs, [2]int64{r.Handled - took, r.Handled})
	}
	slices.SortFunc(jobs, func(a, b [2]int64) int { return int(a[0] - b[0]) })
	for i := 1; i < len(jobs); i++ {
		if jobs[i][0] < jobs[i-1][1] {
			t.Fatalf("a handler begins at %d, and the one before ends at %d", jobs[i][0], jobs[i-1][1])
		}
	}
}

// While somebody's text is counted no prompt is tokenized, and the event loop goes on.
func TestPromptsWaitForTextsThatAreCounted(t *testing.T) {
	const every, length = int64(6e9), int64(2e9)
	plain := furtherRun(t, func(*Config) {})
	counted := furtherRun(t, func(c *Config) { c.Server.CountEvery, c.Server.Count = every, length })
	waited := 0
	for i := range counted.Requests {
		r := &counted.Requests[i]
		if r.Handled != plain.Requests[i].Handled {
			t.Fatalf("request %d is handled at %d, want %d", i, r.Handled, plain.Requests[i].Handled)
		}
		if r.Tokenized-r.Handled > 1e8 {
			waited++
		}
		// The first text comes half an interval after the start.
		if since := (r.TokenizeStart - counted.Config.Start + every/2) % every; r.TokenizeStart > counted.Config.Start+every/2 && since < length-1e8 {
			t.Fatalf("request %d is tokenized %d ns after a text came to be counted", i, since)
		}
	}
	if share := float64(waited) / float64(len(counted.Requests)); share < 0.2 || share > 0.5 {
		t.Errorf("%.2f of requests wait, want about a third", share)
	}
}

// Blocks are set aside for the longest answer that is allowed: no more sequences are in service than that leaves room for,
// and none ever loses its blocks.
func TestBlocksAreSetAsideForWholeAnswers(t *testing.T) {
	const reserve, room = 1000, 3
	run := furtherRun(t, func(c *Config) {
		c.Engine.Reserve, c.Engine.PrefixCache = reserve, false
		c.Engine.Blocks = room*blocksFor(200+reserve) + 10
	})
	most := 0
	for i := range run.Requests {
		r := &run.Requests[i]
		most = max(most, r.Running+1)
		if r.Preemptions > 0 || r.ClientEnd == 0 {
			t.Fatalf("request %d lost its blocks %d times, and ends at %d", i, r.Preemptions, r.ClientEnd)
		}
	}
	if most != room {
		t.Errorf("up to %d sequences are in service, want %d", most, room)
	}
	e := NewEngine(EngineConfig{Blocks: 50, TokenBudget: 100, Reserve: reserve}, Linear{StepBase: 1})
	if e.Fits(&Sequence{Prompt: 10, Output: 10}) {
		t.Error("a sequence fits whose longest answer does not")
	}
}

// For a share of requests nothing cached is used, and others find what is there.
func TestSomePromptsAreComputedWhole(t *testing.T) {
	c := NewConfig(Llama8B, H100)
	c.Server.Uncached = 0.5
	run, err := Simulate(c, Workload{Length: 60e9, Streams: []Stream{{
		Name: "chat", Arrivals: arrival.Poisson(8), Prompt: Fixed(100), Output: Fixed(10), Prefixes: 2, PrefixTokens: 640,
	}}})
	if err != nil {
		t.Fatal(err)
	}
	whole, missed := 0, 0
	for i := range run.Requests {
		r := &run.Requests[i]
		switch {
		case r.Chances.Route < 0.5:
			whole++
			if r.Cached != 0 {
				t.Fatalf("request %d uses %d cached tokens", i, r.Cached)
			}
		case r.Cached != 640:
			missed++
		}
	}
	if whole < len(run.Requests)/3 || missed > 8 {
		t.Errorf("%d of %d are computed whole, and %d others", whole, len(run.Requests), missed)
	}
}

// The host takes longer at steps that have an answer of a given form, and at those only.
func TestStepsWaitForAnswersOfAGivenForm(t *testing.T) {
	r := NewRoofline(Llama8B, H100, 1)
	r.Mask = 30e6
	plain, masked := Batch{Decodes: 4, Context: 400}, Batch{Decodes: 4, Context: 400, Masked: true}
	if got := r.Step(masked) - r.Step(plain); got != 30e6 || r.Host(masked)-r.Host(plain) != 30e6 {
		t.Errorf("a step takes %d ns more, want 30 ms, all of it the host's", got)
	}
	run := furtherRun(t, func(c *Config) { c.Server.Masked, c.Timing, c.KeepTokens = 0.05, r, true })
	var free, bound []int64
	for i := range run.Requests {
		q := &run.Requests[i]
		for k := 1; k < len(q.TokenTimes); k++ {
			if gap := q.TokenTimes[k] - q.TokenTimes[k-1]; q.Masked {
				bound = append(bound, gap)
			} else {
				free = append(free, gap)
			}
		}
	}
	if len(bound) < 500 || slices.Min(bound) < 30e6 {
		t.Errorf("%d tokens of a given form, the fastest after %d ns", len(bound), slices.Min(bound))
	}
	if slices.Min(free) >= 30e6 || slices.Max(free) < 30e6 {
		t.Errorf("other tokens come after %d to %d ns: some steps have masks and some have not", slices.Min(free), slices.Max(free))
	}
}

// Where each third answer is long and three replicas get requests in turn, one has nearly all of the long ones.
func TestTurnsOfOneKindMeetOneReplica(t *testing.T) {
	const heavy = 8
	c := NewConfig(Llama8B, H100)
	c.Replicas, c.Routing = 3, RouteRoundRobin
	stream := Stream{Name: "chat", Arrivals: arrival.Poisson(8), Prompt: Fixed(200), Output: Fixed(40), HeavyEvery: 3, Heavy: heavy}
	run, err := Simulate(c, Workload{Length: 60e9, Streams: []Stream{stream}})
	if err != nil {
		t.Fatal(err)
	}
	long := [3]int{}
	for i := range run.Requests {
		switch r := &run.Requests[i]; r.Output {
		case 40 * heavy:
			long[r.Replica]++
		case 40:
		default:
			t.Fatalf("request %d has %d tokens", i, r.Output)
		}
	}
	total := long[0] + long[1] + long[2]
	if want := (len(run.Requests) + 2) / 3; total != want || slices.Max(long[:]) < total*9/10 {
		t.Errorf("of %d long answers, replicas have %v, want %d in all and nearly all of them at one", total, long, want)
	}
}
