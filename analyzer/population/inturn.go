package population

import (
	"cmp"
	"slices"

	"github.com/slowtoken/slowtoken/analyzer/replay"
)

// queueInTurn fills in what queue would win in domains that serve the same, if their requests went to them in turn: then
// none waits at one while another is idle. It returns the domains in which that leaves a mean wait under 5 % of mean E2E,
// so that no more capacity is needed.
func (p *Population) queueInTurn(g *gains, domains []*DomainStudy) map[*DomainStudy]bool {
	done := map[*DomainStudy]bool{}
	for _, group := range p.replicas(domains) {
		for i, won := range p.inTurn(group) {
			d := group[i]
			p.takeIn(g, d)
			for m, ns := range won {
				g.won[PathTTFT][m], g.won[PathE2E][m] = ns[PathTTFT], ns[PathE2E]
			}
			g.shown, g.capacity = true, max(g.capacity, 1)
			g.names(FloorInTurn)
			done[d] = true
		}
	}
	return done
}

// replicas returns the domains that serve the same service and model, two or more at a time, in the order of domains.
func (p *Population) replicas(domains []*DomainStudy) (groups [][]*DomainStudy) {
	at := map[[2]uint32]int{}
	for _, d := range domains {
		if len(d.Domain.Members) == 0 || !d.Domain.SlotsKnown() || d.Domain.Replicas > 1 {
			continue
		}
		r := &p.Records[d.Domain.Members[0]]
		key := [2]uint32{r.Service, r.Model}
		if _, known := at[key]; !known {
			at[key] = len(groups)
			groups = append(groups, nil)
		}
		groups[at[key]] = append(groups[at[key]], d)
	}
	return slices.DeleteFunc(groups, func(group []*DomainStudy) bool { return len(group) < 2 })
}

// farSlower is how many times as long as the fastest engine would take, with as much company, a domain whose own engine is
// not known takes for a token, from which its device must be slow: company alone does not make for so much.
const farSlower = 2

// inTurn returns what each record would win, by place in the group, if requests went to its domains in turn, each on the
// fastest engine among them but for domains that are slow; nil where too few wait for that to matter, or where it does not help.
func (p *Population) inTurn(group []*DomainStudy) []map[int32][2]int64 {
	type item struct {
		domain, job int
		replay.Job
	}
	var best *steppedRerun
	var items []item
	loads := make([]Load, len(group))
	var wait, e2e float64
	for i, d := range group {
		if d.stepped != nil && (best == nil || d.stepped.engine.Step < best.engine.Step) {
			best = d.stepped
		}
		t := p.trialOf(d, &Scenario{}, &StudyOptions{})
		if d.Sizes.Prefill == nil || d.Sizes.TPOT.Value <= 0 {
			return nil
		}
		loads[i] = t.load
		for k, j := range t.load.Jobs {
			items = append(items, item{i, k, j})
			wait, e2e = wait+float64(t.load.Waits[k]), e2e+float64(t.load.end(k)-j.Arrive)
		}
	}
	if best == nil || wait < calmShare*e2e {
		return nil
	}
	for i, d := range group {
		if d.stepped == nil && d.Sizes.TPOT.Value > farSlower*best.engine.stepWith(loads[i].besideDecode()) {
			return nil // its device is slow, and what it would do with others' requests is not known
		}
	}
	slices.SortStableFunc(items, func(a, b item) int { return cmp.Compare(a.Arrive, b.Arrive) })
	won := make([]map[int32][2]int64, len(group))
	for i := range won {
		won[i] = make(map[int32][2]int64, len(loads[i].Jobs))
	}
	wait, e2e = 0, 0
	for lane := range group {
		var jobs []replay.Job
		var from []item
		for i := lane; i < len(items); i += len(group) {
			j := items[i].Job
			j.PromptTokens = max(1, j.PromptTokens+best.engine.extra)
			jobs, from = append(jobs, j), append(from, items[i])
		}
		engine := best.engine
		if r := group[lane].stepped; r != nil && r.fastest != nil { // it stays as slow as it is
			engine = r.engine
		}
		for i, t := range engine.Run(jobs) {
			at, load := from[i], &loads[from[i].domain]
			wait, e2e = wait+float64(t.Start-at.Arrive), e2e+float64(t.End-at.Arrive)
			won[at.domain][load.Members[at.job]] = [2]int64{load.firstToken(at.job) - t.FirstToken, load.end(at.job) - t.End}
		}
	}
	if wait >= calmShare*e2e {
		return nil
	}
	return won
}

// stepWith returns how long a step of decode takes of so many requests.
func (e *fittedEngine) stepWith(requests float64) float64 {
	return e.Step + e.PerSequence*max(0, requests-1)
}

// besideDecode is how many requests are in decode on average where one is.
func (l *Load) besideDecode() float64 {
	in := l.inDecode()
	var beside, length float64
	for i := range l.Jobs {
		beside += in.between(l.firstToken(i), l.end(i))
		length += float64(l.end(i) - l.firstToken(i))
	}
	if length == 0 {
		return 0
	}
	return beside / length
}

// takeIn fills in what the phase of g took of the domain's requests.
func (p *Population) takeIn(g *gains, d *DomainStudy) (shown bool) {
	for _, m := range d.latency() {
		rec := &p.Records[m]
		t, known := rec.time(g.phase)
		g.known[m] = known
		g.observed[PathTTFT][m], g.observed[PathE2E][m] = t.TTFT, t.E2E
		g.excess[m] = float64(t.E2E)
		shown = shown || rec.shows(g.phase)
	}
	return shown
}
