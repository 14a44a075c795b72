package population

import (
	"slices"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/replay"
)

// maxCapacity is how many times today's slots the floor of queue may have.
const maxCapacity = 4

// A rerun is a domain that can be replayed: a server whose replay of today explains the waits, or one that is calm.
type rerun struct {
	load   Load
	server replay.Slots
	slots  *int // of server: those that bind; nil of a calm one
	today  []replay.Times
}

// rerun returns how the domain can be replayed; nil if it cannot.
func (p *Population) rerun(d *DomainStudy) *rerun {
	server, ok := d.Queueing.Server()
	q := &d.Queueing
	calm := q.Verdict == QueueCalm && q.MeanWait < calmShare*q.MeanE2E
	if !ok || !calm && q.Verdict != QueueLoad {
		return nil
	}
	r := &rerun{server: server}
	if calm {
		return r
	}
	switch q.Binding {
	case StagePrefill:
		r.slots = &r.server.Prefill
	case StageDecode:
		r.slots = &r.server.Decode
	case StageBoth:
		r.slots = &r.server.Both
	}
	r.load = p.Load(&d.Domain, d.Domain.Members)
	r.today = r.server.Run(r.load.Jobs)
	return r
}

// sped returns the jobs with a phase shorter by what it would win.
func (r *rerun) sped(jobs []replay.Job, g *gains) []replay.Job {
	jobs = slices.Clone(jobs)
	for i, m := range r.load.Members {
		j := &jobs[i]
		first, all := g.own[PathTTFT][m], g.own[PathE2E][m]
		switch g.phase {
		case analyzer.Prefill:
			j.Prefill = max(0, j.Prefill-all)
		case analyzer.Decode:
			j.Decode = max(0, j.Decode-all)
		case analyzer.Frontend, analyzer.Tokenize, analyzer.Client, analyzer.Gateway, analyzer.Network:
			j.Arrive -= first // it joins the queue earlier
		}
	}
	return jobs
}

// relief adds to won what each request would wait less than today if other jobs ran on a server.
func (r *rerun) relief(server replay.Slots, jobs []replay.Job, won *[2][]int64) {
	if r.slots == nil {
		return // nobody waits to speak of
	}
	times := server.Run(jobs)
	for i, m := range r.load.Members {
		less := (r.today[i].Start - r.load.Jobs[i].Arrive) - (times[i].Start - jobs[i].Arrive)
		won[PathTTFT][m] += less
		won[PathE2E][m] += less
	}
}

// feedback adds the waiting that the floor of a service phase would remove and, where steps are shared, what others would
// win of it.
func (p *Population) feedback(g *gains, d *DomainStudy) {
	if r := d.stepped; r != nil {
		e, jobs, whole := r.atFloor(d, g)
		if whole { // its own time is in the replay
			for _, m := range r.trial.load.Members {
				g.won[PathE2E][m] = 0
				if r.first {
					g.won[PathTTFT][m] = 0
				}
			}
		}
		r.relief(&e, jobs, &g.won)
		return
	}
	if d.rerun == nil {
		g.noFeedback = true
		return
	}
	d.rerun.relief(d.rerun.server, d.rerun.sped(d.rerun.load.Jobs, g), &g.won)
}

// enough returns the server with the smallest capacity, at most four times today's, at which the mean wait is under 5 %
// of mean E2E.
func (r *rerun) enough() (server replay.Slots, times float64) {
	if r.slots == nil {
		return r.server, 1
	}
	today := *r.slots
	calm := func(slots int) bool {
		*r.slots = slots
		var wait, e2e float64
		for i, t := range r.server.Run(r.load.Jobs) {
			w := float64(t.Start - r.load.Jobs[i].Arrive)
			wait += w
			e2e += w + float64(r.load.Jobs[i].Prefill+r.load.Jobs[i].Decode)
		}
		return wait < calmShare*e2e
	}
	low, high := today, maxCapacity*today // more slots delay nobody
	for low < high {
		middle := (low + high) / 2
		if calm(middle) {
			high = middle
		} else {
			low = middle + 1
		}
	}
	*r.slots = low
	server = r.server
	*r.slots = today
	return server, float64(low) / float64(today)
}

// queueGains fills in what queue would win: by a replay with more capacity or, where nothing can be replayed, down to a
// mean wait of 5 % of mean E2E, in proportion to each wait.
func (p *Population) queueGains(g *gains, d *DomainStudy) {
	if r := d.stepped; r != nil && len(d.latency()) >= fewForFloor {
		if e, times, ok := r.enough(); ok {
			g.names(FloorCapacity)
			g.capacity = max(g.capacity, times)
			r.relief(&e, r.jobs, &g.won)
			return
		}
	}
	if d.rerun != nil && len(d.latency()) >= fewForFloor {
		server, times := d.rerun.enough()
		g.names(FloorCapacity)
		g.capacity = max(g.capacity, times)
		d.rerun.relief(server, d.rerun.load.Jobs, &g.won)
		return
	}
	var wait, e2e float64
	members := d.latency()
	known := 0
	for _, m := range members {
		if g.known[m] {
			known++
			wait += float64(g.observed[PathE2E][m])
			e2e += float64(p.Records[m].E2E())
		}
	}
	if known < fewForFloor {
		g.lacks(d, known)
		return
	}
	g.names(FloorCalm)
	g.noFeedback = true
	if wait <= calmShare*e2e {
		return
	}
	// With q of the waits gone, (1-q) wait = share (e2e - q wait).
	gone := (wait - calmShare*e2e) / (wait * (1 - calmShare))
	for _, m := range members {
		if g.known[m] {
			g.won[PathTTFT][m] = int64(gone * float64(g.observed[PathTTFT][m]))
			g.won[PathE2E][m] = int64(gone * float64(g.observed[PathE2E][m]))
		}
	}
}
