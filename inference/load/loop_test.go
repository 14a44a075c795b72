package load

import (
	"math"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/slowtoken/slowtoken/inference/arrival"
	"github.com/slowtoken/slowtoken/inference/ollamasim"
)

// lindley returns the mean time from arrival to departure at one server without priorities, by Lindley's recursion.
func lindley(arrivals, services []int64) (mean float64) {
	free := int64(0)
	for i, at := range arrivals {
		free = max(free, at) + services[i]
		mean += float64(free-at) / float64(len(arrivals))
	}
	return mean
}

// Twice as much arrives as the server can do. All of it is sent, and nobody waits less than in the queue that the planned
// arrivals make: a generator that waited for answers would have shown a tenth of that.
func TestOpenLoopDoesNotSlowWithTheServer(t *testing.T) {
	t.Parallel()
	const service = 20 * time.Millisecond
	server, truths := simulate(t, oneSlot(service), ollamasim.Options{})
	plan := Plan{Loop: Open, Arrivals: Poisson, Rate: 100, Sizes: oneToken, Duration: time.Second, Drain: time.Minute, Seed: 3}
	r := run(t, Config{Target: Target{URL: at(t, server, "/api/generate"), Model: "sim", Stream: true}, Plan: plan})
	var arrivals, least []int64
	for s := range plan.shots(0, plan.Rate, plan.Duration) {
		arrivals, least = append(arrivals, s.at), append(least, int64(service))
	}
	s := &r.Steps[0]
	if s.Planned != len(arrivals) || s.Succeeded != len(arrivals) || len(arrivals) < 70 {
		t.Fatalf("%d planned, %d succeeded, want %d", s.Planned, s.Succeeded, len(arrivals))
	}
	all := truths()
	slices.SortFunc(all, func(a, b ollamasim.Truth) int { return a.Scheduled.Compare(b.Scheduled) })
	var services []int64
	for _, truth := range all {
		services = append(services, int64(truth.Last.Sub(truth.Scheduled)))
	}
	got, sending := s.measure("E2E", FromPlan).Mean, s.measure("E2E", FromSending).Mean
	want, floor := lindley(arrivals, services), lindley(arrivals, least)
	t.Logf("mean E2E from plan %.1f ms; the queue of the true service times %.1f ms, of the least ones %.1f ms; lag %+v", got/1e6, want/1e6, floor/1e6, *s.Lag)
	if got < floor || got < 5*float64(service) {
		t.Errorf("mean E2E is %.1f ms, less than the queue of the planned arrivals makes (%.1f ms)", got/1e6, floor/1e6)
	}
	if math.Abs(got-want) > 0.15*want {
		t.Errorf("mean E2E is %.1f ms, the queue of the true service times makes %.1f ms", got/1e6, want/1e6)
	}
	if sending > got {
		t.Errorf("from sending (%.2f ms) it is more than from the plan (%.2f ms)", sending/1e6, got/1e6)
	}
}

// The server stands still for half a second. The open loop keeps sending, and shows it; users wait, and hide it.
func TestUsersWaitForAnswersAndPlansDoNot(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	stuck := func(s *fakeServer) {
		var once sync.Once
		s.before = func(int) {
			once.Do(func() {
				mu.Lock()
				time.Sleep(500 * time.Millisecond)
				mu.Unlock()
			})
			mu.Lock() // wait until it moves again
			defer mu.Unlock()
		}
	}
	ask := func(p Plan) *Step {
		server := newFakeServer(t, "application/x-ndjson", "{\"response\":\"a\",\"done\":true,\"eval_count\":1}\n")
		stuck(server)
		p.Sizes, p.Seed, p.Drain, p.Duration = oneToken, 1, time.Minute, time.Second
		return &run(t, Config{Target: Target{URL: at(t, server.URL, "/api/generate"), Model: "m", Stream: true}, Plan: p}).Steps[0]
	}
	open := ask(Plan{Loop: Open, Arrivals: Constant, Rate: 100})
	closed := ask(Plan{Loop: Closed, Users: 1, Think: 10 * time.Millisecond})
	slow := func(s *Step) (n int) { return int(math.Round(s.InFlight.Mean * 1000)) }
	// 49 requests are planned while it stands still, and wait 250 ms on average; the user's one waits 500 ms.
	if e2e := open.measure("E2E", FromPlan).Mean; open.Planned != 99 || e2e < 110e6 || open.InFlight.Max < 40 {
		t.Errorf("open loop: %d planned, E2E %.0f ms, at most %d in flight", open.Planned, e2e/1e6, open.InFlight.Max)
	}
	if closed.InFlight.Max > 1 || slow(closed) > 1000 || closed.Planned > 60 || closed.Lag != nil {
		t.Errorf("closed loop: %d sent, %+v", closed.Planned, closed.InFlight)
	}
}

func TestTheWarmUpIsNotMeasured(t *testing.T) {
	t.Parallel()
	server := newFakeServer(t, "application/x-ndjson", "{\"response\":\"a\",\"done\":true,\"eval_count\":1}\n")
	r := run(t, Config{
		Target: Target{URL: at(t, server.URL, "/api/generate"), Model: "m", Stream: true},
		Plan:   Plan{Loop: Open, Arrivals: Constant, Rate: 50, Sizes: oneToken, Warmup: 400 * time.Millisecond, Duration: 600 * time.Millisecond, Drain: time.Minute},
	})
	s := &r.Steps[0]
	if s.Warmup != 19 || s.Planned != 30 || s.measure("E2E", FromSending).N != 30 || len(server.bodies) != 49 {
		t.Errorf("%d of warm-up, %d measured, %d sent", s.Warmup, s.Planned, len(server.bodies))
	}
}

// No question begins as another does, in any run of any seed: else a prefix cache would answer for the server.
func TestPromptsShareNoBeginning(t *testing.T) {
	t.Parallel()
	server := newFakeServer(t, "application/x-ndjson", "{\"response\":\"a\",\"done\":true,\"eval_count\":1}\n")
	for range 2 {
		run(t, Config{
			Target: Target{URL: at(t, server.URL, "/api/generate"), Model: "m", Stream: true},
			Plan:   Plan{Loop: Open, Arrivals: Constant, Rate: 100, Sizes: oneToken, Duration: 200 * time.Millisecond, Drain: time.Minute},
		})
	}
	seen := map[string]bool{}
	for _, body := range server.bodies {
		if len(body) < 80 || seen[body[:80]] {
			t.Fatalf("two questions begin with %.80s", body)
		}
		seen[body[:80]] = true
	}
	if len(seen) != 38 {
		t.Errorf("%d questions", len(seen))
	}
}

// What still runs when waiting ends is cut off and counted, and quantiles are lower bounds.
func TestUnfinishedRequestsAreCounted(t *testing.T) {
	t.Parallel()
	server := newFakeServer(t, "application/x-ndjson", "{\"response\":\"a\",\"done\":true}\n")
	hold := make(chan struct{})
	var once sync.Once
	server.before = func(int) {
		first := false
		once.Do(func() { first = true })
		if !first {
			<-hold
		}
	}
	t.Cleanup(func() { close(hold) })
	limit, err := ParseThreshold("e2e_mean<1h")
	if err != nil {
		t.Fatal(err)
	}
	r := run(t, Config{
		Target:      Target{URL: at(t, server.URL, "/api/generate"), Model: "m", Stream: true},
		Plan:        Plan{Loop: Open, Arrivals: Constant, Rate: 50, Sizes: oneToken, Duration: 300 * time.Millisecond, Drain: 20 * time.Millisecond},
		MaxInFlight: 10, Thresholds: []Threshold{limit},
	})
	s := &r.Steps[0]
	if s.Planned != 14 || s.Unfinished != 10 || s.Succeeded != 1 || s.Dropped != 3 || s.Failed != 3 || s.Sent != 11 || s.Uncounted != 1 {
		t.Errorf("%+v", s)
	}
	if len(r.Thresholds) != 1 || r.Thresholds[0].Verdict != Unknown || !r.Missed() || len(r.Warnings) < 3 {
		t.Errorf("%+v, %q", r.Thresholds, r.Warnings)
	}
}

// An interrupted test says what it saw until then.
func TestInterruptionSumsUp(t *testing.T) {
	t.Parallel()
	server := newFakeServer(t, "application/x-ndjson", "{\"response\":\"a\",\"done\":true}\n")
	for _, plan := range []Plan{{Loop: Open, Arrivals: Constant, Rate: 50}, {Loop: Closed, Users: 3, Think: 10 * time.Millisecond}} {
		plan.Sizes, plan.Duration, plan.Drain = oneToken, time.Hour, time.Hour
		test, err := New(Config{Target: Target{URL: at(t, server.URL, "/api/generate"), Model: "m", Stream: true}, Plan: plan})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := contextUntil(t, func() bool {
			p, ok := test.Progress()
			return ok && p.Done >= 5
		})
		r := test.Run(ctx)
		cancel()
		if s := &r.Steps[0]; !r.Interrupted || s.Succeeded < 4 || s.Failed > 0 || s.Window <= 0 || s.Window > int64(time.Minute) || r.Warnings[0] == "" {
			t.Errorf("%s loop: %+v", plan.Loop, s)
		}
	}
}

func TestAReplaySendsWhatWasRecorded(t *testing.T) {
	t.Parallel()
	server := newFakeServer(t, "application/x-ndjson", "{\"response\":\"a\",\"done\":true}\n")
	recorded := []arrival.Planned{{At: 0, Prompt: 20, Output: 3}, {At: 200 * millisecond, Prompt: 40, Output: 5}, {At: 900 * millisecond, Prompt: 10, Output: 1}}
	r := run(t, Config{
		Target: Target{URL: at(t, server.URL, "/api/generate"), Model: "m", Stream: true},
		Plan:   Plan{Loop: Open, Arrivals: Replay, Rate: 2, Replay: recorded, Duration: 300 * time.Millisecond, Drain: time.Minute},
	})
	if s := &r.Steps[0]; s.Planned != 2 || s.Asked != 30 || math.Abs(s.Rate-2/0.3) > 1e-9 {
		t.Errorf("%d requests of %v prompt tokens on average at %v/s, want 2 of 30: the third is behind the end", s.Planned, s.Asked, s.Rate)
	}
	if gap := server.at[1].Sub(server.at[0]); gap < 50*time.Millisecond {
		t.Errorf("at twice the speed, 200 ms of recording took %v", gap)
	}
}

func TestTheServerIsAskedWhatItSpeaks(t *testing.T) {
	server, _ := simulate(t, oneSlot(time.Millisecond), ollamasim.Options{Model: "known"})
	target := Target{URL: at(t, server, "")}
	if err := target.Resolve(t.Context()); err != nil || target.URL.Path != "/api/chat" || target.Model != "known:latest" {
		t.Errorf("%s, model %s, %v", target.URL, target.Model, err)
	}
	openAI := newFakeServer(t, "application/json", `{"data":[{"id":"served"}]}`)
	openAI.Config.Handler = func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/v1/models" {
				http.NotFound(w, r)
				return
			}
			h.ServeHTTP(w, r)
		})
	}(openAI.Config.Handler)
	target = Target{URL: at(t, openAI.URL, "/")}
	if err := target.Resolve(t.Context()); err != nil || target.URL.Path != "/v1/chat/completions" || target.Model != "served" {
		t.Errorf("%s, model %s, %v", target.URL, target.Model, err)
	}
	target = Target{URL: at(t, server, "/v1/chat/completions")}
	if err := target.Resolve(t.Context()); err != nil || target.Model != "known:latest" {
		t.Errorf("of a server that lists its models elsewhere: model %s, %v", target.Model, err)
	}
}
