package population_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/slowtoken/slowtoken/analyzer/population"
	"github.com/slowtoken/slowtoken/analyzer/replay"
)

func queueingOf(t *testing.T, p *population.Population, f population.Facts) (population.Domain, population.Queueing) {
	t.Helper()
	domains := p.Domains(f)
	if len(domains) != 1 {
		t.Fatalf("%d domains, want 1", len(domains))
	}
	s := p.Sizes(&domains[0], domains[0].Members, 1)
	return domains[0], p.Queueing(&domains[0], domains[0].Members, &s, f)
}

// TestVerdicts: servers that are known to do one thing are said to do it.
func TestVerdicts(t *testing.T) {
	r := rand.New(rand.NewPCG(41, 42))
	busy := exponentialTasks(r, 2000, 7, second/2)
	held := serve(busy, 8, true) // most waits are of the hold below
	for i := range held {
		held[i].start += int64(r.ExpFloat64() * float64(second))
	}
	heldSome := serve(busy, 8, true)
	for i := range heldSome {
		if i%4 == 0 {
			heldSome[i].start += 3 * second
			heldSome[i].model = "grammar"
		}
	}
	none := population.Facts{population.FactSampling: population.NoSampling}
	for _, x := range []struct {
		name     string
		tasks    []task
		instance string
		facts    population.Facts
		verdict  string
		binding  string
		slots    int
	}{
		{"idle", serve(exponentialTasks(r, 500, 0.5, second/2), 4, true), "e", nil, population.QueueCalm, "", 0},
		{"busy", serve(busy, 4, true), "e", nil, population.QueueLoad, population.StageBoth, 4},
		{"busy in prefill", serve(exponentialTasks(r, 2000, 17, second/2), 2, false), "e", nil, population.QueueLoad, population.StagePrefill, 2},
		{"no instance", serve(busy, 4, true), "", nil, population.QueueUnknown, "", 0},
		{"replicas", serve(busy, 4, true), "", population.Facts{population.FactReplicas: "1"}, population.QueueLoad, population.StageBoth, 4},
		{"sampled", serve(busy, 4, true), "e", population.Facts{population.FactSampling: "0.2"}, population.QueueUnknown, "", 0},
		{"last come first served, every request traced", lastFirst(exponentialTasks(r, 1500, 1.8, second/2)), "e", none, population.QueueLoad, population.StageBoth, 1},
	} {
		_, q := queueingOf(t, tell(t, x.tasks, x.instance), x.facts)
		if q.Verdict != x.verdict || q.Binding != x.binding || q.Slots != x.slots {
			t.Errorf("%s: %s, %d slots in %q; want %s, %d in %q (%+v)", x.name, q.Verdict, q.Slots, q.Binding, x.verdict, x.slots, x.binding, q)
		}
		if (q.Verdict == population.QueueUnknown) != (len(q.Abstained) == 1) {
			t.Errorf("%s: %s with refusals %+v", x.name, q.Verdict, q.Abstained)
		}
	}
	for name, tasks := range map[string][]task{"held": held, "some held": heldSome} {
		_, q := queueingOf(t, tell(t, tasks, "e"), none)
		if q.Verdict == population.QueueLoad || q.Verdict == population.QueueCalm {
			t.Errorf("%s: %s, want no verdict that load explains it (%+v)", name, q.Verdict, q)
		}
	}
}

// TestBacklog: an engine whose steps and not whose slots are full serves all the while and in order, and what it waits for is
// told from how many come; requests that are let in at chance are not said to wait for it.
func TestBacklog(t *testing.T) {
	r := rand.New(rand.NewPCG(71, 72))
	steady := poissonPrompts(r, 1200, 12)
	burst := poissonPrompts(r, 1200, 6)
	for i := 600; i < 900; i++ { // all within a second
		burst[i].arrive = burst[600].arrive + int64(i-600)*3*millisecond
	}
	for i := 900; i < 1200; i++ {
		burst[i].arrive += burst[600].arrive + second - min(burst[900].arrive, burst[600].arrive+second)
	}
	slices.SortFunc(burst, func(a, b task) int { return int(a.arrive - b.arrive) })
	for _, x := range []struct {
		name  string
		tasks []task
		load  bool // arrivals exceed what is served
		peaks bool
	}{{"overload", byBudget(steady), true, false}, {"burst", byBudget(burst), false, true}} {
		_, q := queueingOf(t, tell(t, x.tasks, "e"), nil)
		if q.Verdict != population.QueueBusy || q.Slots != 0 {
			t.Errorf("%s: %s with %d slots, want %s", x.name, q.Verdict, q.Slots, population.QueueBusy)
		}
		if load := q.Arrivals / q.Backlog.Rate; load > 1 != x.load {
			t.Errorf("%s: %.2f times what is served arrives", x.name, load)
		}
		if q.Backlog.Peaks > 0.5 != x.peaks || x.peaks && (q.Backlog.PeakSize < 250 || q.Backlog.PeakSize > 350) {
			t.Errorf("%s: %.2f of the waiting follows peaks, the largest of %d", x.name, q.Backlog.Peaks, q.Backlog.PeakSize)
		}
	}
	held := byBudget(poissonPrompts(r, 1200, 6))
	for i := range held {
		if i%2 == 0 {
			held[i].start += int64(r.ExpFloat64() * float64(2*second))
		}
	}
	if _, q := queueingOf(t, tell(t, held, "e"), nil); q.Verdict == population.QueueBusy || q.Verdict == population.QueueLoad {
		t.Errorf("held: %s with %+v", q.Verdict, q.Backlog)
	}
}

// poissonPrompts are requests with prompts of very different lengths, that come at a rate a second.
func poissonPrompts(r *rand.Rand, n int, rate float64) []task {
	list := make([]task, n)
	at := 0.0
	for i := range list {
		at += r.ExpFloat64() / rate
		list[i] = task{arrive: int64(at * float64(second)), prompt: 100 + int64(r.ExpFloat64()*1500), output: 20 + r.Int64N(200)}
	}
	return list
}

// byBudget serves them by steps that hold 512 tokens, and as many requests as there are.
func byBudget(tasks []task) []task {
	jobs := make([]replay.Job, len(tasks))
	for i, k := range tasks {
		jobs[i] = replay.Job{Arrive: k.arrive, PromptTokens: k.prompt, DecodeTokens: k.output - 1}
	}
	for i, s := range (replay.Batching{Budget: 512, Step: 10e6, PerSequence: 1e5, PerToken: 60e3}).Run(jobs) {
		tasks[i].start, tasks[i].prefill, tasks[i].decode = s.Start, s.FirstToken-s.Start, s.End-s.FirstToken
	}
	return tasks
}

// TestHoldOrSample: a sampled queue waits with capacity that only seems free. Where nothing is said of sampling, both
// causes are named; where the waits are all of one kind of request, sampling cannot be it.
func TestHoldOrSample(t *testing.T) {
	r := rand.New(rand.NewPCG(43, 44))
	all := serve(exponentialTasks(r, 12_000, 1.9, second/2), 1, true)
	var kept []task
	for _, k := range all {
		if r.Float64() < 0.5 {
			kept = append(kept, k)
		}
	}
	if _, q := queueingOf(t, tell(t, kept, "e"), nil); q.Verdict == population.QueueLoad || q.Verdict == population.QueueHeld {
		t.Errorf("half of the requests: %s (%+v)", q.Verdict, q)
	}
}

// TestDomains: processes are domains of their own; requests that name none are one domain.
func TestDomains(t *testing.T) {
	tasks := serve([]task{{prefill: second, decode: second, prompt: 10, output: 10, model: "a"}, {arrive: 1, prefill: second, decode: second, prompt: 10, output: 10, model: "b"}}, 1, true)
	for _, x := range []struct {
		instance string
		facts    population.Facts
		alone    bool
		replicas int
	}{{"e", population.Facts{population.FactReplicas: "3"}, false, 0}, {"", nil, true, 0}, {"", population.Facts{population.FactReplicas: "3"}, true, 3}} {
		d := tell(t, tasks, x.instance).Domains(x.facts)
		if len(d) != 1 || d[0].Name != x.instance || d[0].AsOneServer != x.alone || d[0].Replicas != x.replicas || !slices.Equal(d[0].Members, []int32{0, 1}) {
			t.Errorf("instance %q with %v: domains %+v", x.instance, x.facts, d)
		}
	}
}

// TestClosedFormsAgree: on a server in a steady state they are near the wait that was observed.
func TestClosedFormsAgree(t *testing.T) {
	r := rand.New(rand.NewPCG(45, 46))
	for _, x := range []struct {
		slots int
		rate  float64
	}{{1, 1.4}, {4, 5.6}} {
		_, q := queueingOf(t, tell(t, serve(exponentialTasks(r, 20_000, x.rate, second/2), x.slots, true), "e"), nil)
		c := q.ClosedForms
		if c == nil || q.Slots != x.slots {
			t.Fatalf("%d slots: %+v", x.slots, q)
		}
		got := c.PollaczekKhinchine
		if x.slots > 1 {
			got = c.AllenCunneen
		} else if math.Abs(c.Kingman/q.MeanWait-1) > 0.15 {
			t.Errorf("Kingman says %.2f s, %.2f s were waited", c.Kingman/1e9, q.MeanWait/1e9)
		}
		if math.Abs(got/q.MeanWait-1) > 0.15 {
			t.Errorf("%d slots: the closed form says %.2f s, %.2f s were waited", x.slots, got/1e9, q.MeanWait/1e9)
		}
		if want := x.rate / 2 / float64(x.slots); math.Abs(q.Utilisation-want) > 0.05 || math.Abs(q.Saturation-2*float64(x.slots)) > 0.1*q.Saturation {
			t.Errorf("%d slots: utilisation %.2f, want %.2f; saturation %.2f", x.slots, q.Utilisation, want, q.Saturation)
		}
	}
}

// TestStaticBatching: batches that wait for a timer and end together are seen; continuous service is not taken for them.
func TestStaticBatching(t *testing.T) {
	r := rand.New(rand.NewPCG(47, 48))
	tasks := exponentialTasks(r, 800, 4, second/5)
	for i := range tasks {
		k := &tasks[i]
		k.start = (k.arrive/second + 1) * second // all that came within a second start together
		k.prefill, k.decode = 100*millisecond, 800*millisecond
	}
	_, q := queueingOf(t, tell(t, tasks, "e"), nil)
	if q.Static == nil || q.Static.Together < 0.9 || q.Static.EndAlike < 0.9 || q.Static.Size < 3 {
		t.Errorf("static batches: %+v", q.Static)
	}
	if _, q = queueingOf(t, tell(t, serve(exponentialTasks(r, 800, 7, second/2), 4, true), "e"), nil); q.Static != nil {
		t.Errorf("continuous service: %+v", q.Static)
	}
}

// TestHeadOfLine: where a few requests take most of the service, waits follow the work ahead rather than the number.
func TestHeadOfLine(t *testing.T) {
	r := rand.New(rand.NewPCG(49, 50))
	tasks := tasksOf(r, 3000, 1.2, 1, func() float64 {
		if r.IntN(20) == 0 {
			return 8e9
		}
		return 0.2e9
	})
	_, q := queueingOf(t, tell(t, serve(tasks, 1, true), "e"), nil)
	if h := q.HeadOfLine; h == nil || h.Work < 0.8 || h.Work < h.Number || h.ServiceCV2 < 2 || h.Behind < 0.5 {
		t.Errorf("%+v", h)
	}
}

func TestBlameIsConserved(t *testing.T) {
	r := rand.New(rand.NewPCG(51, 52))
	for name, x := range map[string]struct {
		tasks []task
		facts population.Facts
	}{
		"slots":   {serve(exponentialTasks(r, 600, 7, second/2), 4, true), nil},
		"prefill": {serve(exponentialTasks(r, 600, 17, second/2), 2, false), nil},
		"bursts":  {serve(tasksOf(r, 600, 3, 30, lognormal(r, second/2, 1)), 2, true), nil},
	} {
		p := tell(t, x.tasks, "e")
		d, q := queueingOf(t, p, x.facts)
		b, why := p.Blame(&d, &q)
		if b == nil {
			t.Fatalf("%s: %+v (%+v)", name, why, q)
		}
		sum := b.Nobody + b.Others
		for _, c := range b.Culprits {
			sum += c.Held
		}
		if sum != b.Waited || len(b.Culprits) == 0 {
			t.Errorf("%s: %d ns are shared out to %d culprits, %d were waited", name, sum, len(b.Culprits), b.Waited)
		}
		// Pair by pair the same comes out, but for a nanosecond of rounding each.
		l := p.Load(&d, d.Members)
		held := map[int32]int64{}
		pairs := 0
		for i, m := range l.Members {
			wait := int64(0)
			for _, x := range b.WaitedFor(m) {
				wait += x.Held
				held[x.Record] += x.Held
				pairs++
			}
			if wait != l.Waits[i] {
				t.Fatalf("%s: the parts of a wait sum to %d ns, it is %d", name, wait, l.Waits[i])
			}
		}
		for _, c := range b.Culprits {
			i := slices.IndexFunc(p.Records, func(r population.Record) bool { return r.SpanID == c.SpanID })
			if got := held[int32(i)]; math.Abs(float64(got-c.Held)) > float64(pairs) {
				t.Errorf("%s: a culprit holds %d ns, pair by pair %d", name, c.Held, got)
			}
		}
		if b.Together.Share <= 0 || b.Together.Share > 1 {
			t.Errorf("%s: without the culprits %+v", name, b.Together)
		}
	}
}

// TestBlameNamesWhoIsInTheWay: three wait for one, and one of them for two.
func TestBlameNamesWhoIsInTheWay(t *testing.T) {
	var tasks []task
	for i := range int64(40) { // one long, then three short behind it
		at := i * 20 * second
		tasks = append(tasks, task{arrive: at, prefill: 6 * second, decode: second, prompt: 6000, output: 10, model: "m"})
		for k := range int64(3) {
			tasks = append(tasks, task{arrive: at + (k+1)*100*millisecond, prefill: second, decode: second, prompt: 1000, output: 10, model: "m"})
		}
	}
	p := tell(t, serve(tasks, 1, false), "e")
	d, q := queueingOf(t, p, nil)
	b, why := p.Blame(&d, &q)
	if b == nil {
		t.Fatalf("%+v", why)
	}
	if b.Resource != population.ResourcePrefillTokens || b.Requests != 120 {
		t.Errorf("%d waited, by %s", b.Requests, b.Resource)
	}
	c := b.Culprits[0]
	if c.Tokens != 6000 || c.Held != 3*6*second-(100+200+300)*millisecond {
		t.Errorf("the first culprit has %d tokens and holds %d ns", c.Tokens, c.Held)
	}
	// Without it the three are served one after the other, and wait for 0, 900 and 1800 ms.
	if want := (5900 + 6800 + 7700 - 900 - 1800) * millisecond; c.Without.Waited != want {
		t.Errorf("without it %d ns less are waited, want %d", c.Without.Waited, want)
	}
	if w := b.Longest[0]; w.Waited != 7700*millisecond || len(w.For) != 3 || w.For[0].Held != 6*second-300*millisecond || w.Nobody != 0 {
		t.Errorf("the longest wait is %+v", w)
	}
	list := b.WaitedFor(3) // the last of the first three
	if len(list) != 3 || list[0].Record != 0 || list[0].Held != 6*second-300*millisecond || list[1].Held != second || list[2].Held != second {
		t.Errorf("it waited for %+v", list)
	}
}

// TestBlameRefuses where it is not known what is waited for.
func TestBlameRefuses(t *testing.T) {
	r := rand.New(rand.NewPCG(53, 54))
	tasks := serve(exponentialTasks(r, 600, 7, second/2), 4, true)
	p := tell(t, tasks, "")
	d, q := queueingOf(t, p, nil)
	if b, why := p.Blame(&d, &q); b != nil || why == nil || !strings.Contains(why.Why, "no span names") {
		t.Errorf("%+v, %+v", b, why)
	}
}
