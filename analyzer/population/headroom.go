package population

import (
	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/replay"
)

// headroom is all phases at their floors at once. With replay, the waiting is counted once.
type headroom struct {
	gains
	jobs    map[*DomainStudy][]replay.Job
	engines map[*DomainStudy]*replay.Batching
}

func newHeadroom(n int) *headroom {
	h := &headroom{
		gains: *newGains(analyzer.Unattributed, n), jobs: map[*DomainStudy][]replay.Job{}, engines: map[*DomainStudy]*replay.Batching{},
	}
	h.source = "all floors"
	return h
}

// add takes in the floor of one phase.
func (h *headroom) add(p *Population, g *gains, domains []*DomainStudy) {
	h.shown = h.shown || g.shown
	h.noFeedback = h.noFeedback || g.noFeedback
	for _, d := range domains {
		replayed := h.replay(d, g)
		capacity := g.phase != analyzer.Queue || h.seated(d)
		for _, m := range d.latency() {
			if !g.known[m] {
				continue
			}
			h.known[m] = true
			for path := range h.won {
				h.observed[path][m] += g.observed[path][m]
				own := g.own[path][m]
				switch {
				case replayed[m] && (Path(path) == PathE2E || d.stepped.first):
					own = 0
				case !capacity:
					own = g.won[path][m]
				}
				h.won[path][m] += own
			}
		}
	}
}

// seated reports whether a replay with more capacity says what queue would win of the domain.
func (h *headroom) seated(d *DomainStudy) bool {
	if d.stepped != nil {
		_, _, ok := d.stepped.enough()
		return ok
	}
	return d.rerun != nil
}

// replay puts the phase of g at its floor in what is replayed of the domain, and returns the records whose own time in the
// phase the replay has.
func (h *headroom) replay(d *DomainStudy, g *gains) map[int32]bool {
	if r := d.stepped; r != nil {
		if h.engines[d] == nil {
			e := r.engine.Batching
			h.engines[d], h.jobs[d] = &e, append([]replay.Job(nil), r.jobs...)
		}
		if g.phase == analyzer.Queue {
			e, _, _ := r.enough()
			h.engines[d].Seats = e.Seats
			return nil
		}
		e, jobs, whole := r.atFloor(d, g)
		faster(h.engines[d], &e)
		for i := range jobs {
			h.jobs[d][i].Arrive += jobs[i].Arrive - r.jobs[i].Arrive
			h.jobs[d][i].PromptTokens = min(h.jobs[d][i].PromptTokens, jobs[i].PromptTokens)
		}
		if !whole {
			return nil
		}
		records := map[int32]bool{}
		for _, m := range r.trial.load.Members {
			records[m] = true
		}
		return records
	}
	if r := d.rerun; r != nil && g.phase != analyzer.Queue {
		if h.jobs[d] == nil {
			h.jobs[d] = r.load.Jobs
		}
		h.jobs[d] = r.sped(h.jobs[d], g)
	}
	return nil
}

// finish adds the waits that are gone and, where steps are shared, what others win of it.
func (h *headroom) finish(domains []*DomainStudy) {
	for _, d := range domains {
		if e := h.engines[d]; e != nil {
			d.stepped.relief(e, h.jobs[d], &h.won)
			continue
		}
		if d.rerun == nil {
			continue
		}
		jobs := h.jobs[d]
		if jobs == nil {
			jobs = d.rerun.load.Jobs
		}
		server, _ := d.rerun.enough()
		d.rerun.relief(server, jobs, &h.won)
	}
	// Where requests that go elsewhere are served faster too, two floors can win the same time.
	for path := range h.won {
		for m, took := range h.observed[path] {
			h.won[path][m] = min(h.won[path][m], took)
		}
	}
}

// faster gives e the shorter times and the larger steps of both.
func faster(e, other *replay.Batching) {
	e.Step, e.PerSequence, e.PerToken = min(e.Step, other.Step), min(e.PerSequence, other.PerSequence), min(e.PerToken, other.PerToken)
	e.Budget = max(e.Budget, other.Budget)
}
