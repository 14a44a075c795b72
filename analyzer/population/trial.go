package population

import (
	"fmt"
	"math"
	"slices"

	"github.com/slowtoken/slowtoken/analyzer/replay"
)

// A trial is one domain's requests on the way through a what-if.
type trial struct {
	p      *Population
	d      *DomainStudy
	change *Scenario
	facts  Facts

	load   Load
	cuts   []shifts // by job
	latent []int    // jobs that latency measures hold
	draws  *bootstrap
}

func (p *Population) trialOf(d *DomainStudy, c *Scenario, o *StudyOptions) *trial {
	t := &trial{p: p, d: d, change: c, facts: o.Facts, load: p.Load(&d.Domain, d.Domain.Members)}
	t.cuts = make([]shifts, len(t.load.Jobs))
	for i, m := range t.load.Members {
		r, j := &p.Records[m], &t.load.Jobs[i]
		t.cuts[i] = c.of(r, j.Prefill, j.Decode)
		if r.Latent(o.Window.Until) {
			t.latent = append(t.latent, i)
		}
	}
	t.draws = newBootstrap(len(p.Records), d.Regimes, o.Seed)
	return t
}

// impossible says why nothing can be replayed, nil if something can.
func (t *trial) impossible() *Abstention {
	what := "what-if of " + t.d.Domain.Label()
	switch n := len(t.load.Jobs) + t.load.Unknown; {
	case len(t.latent) < minWhatIf:
		return &Abstention{what, fmt.Sprintf("%d requests with queue, prefill and decode; it needs %d", len(t.latent), minWhatIf), "trace the engine itself, and a longer window"}
	case float64(len(t.load.Jobs)) < minKnownQueue*float64(n):
		return &Abstention{what, fmt.Sprintf("queue and prefill are told apart in %d of %d requests", len(t.load.Jobs), n), "trace the engine itself"}
	case t.load.Opaque > 0:
		return &Abstention{what, fmt.Sprintf("prefill and decode are not told apart in %d of %d requests", t.load.Opaque, n), "trace the engine itself"}
	case !t.d.Domain.SlotsKnown():
		return &Abstention{what, "no span names the engine's process, so that requests of several may be taken together",
			"set service.instance.id on the engine's resource, or state --fact replicas=N"}
	}
	if why := t.p.sampled(t.d.Domain.Members, t.facts); why != "" {
		return &Abstention{what, why, "trace every request, or state --fact sampling=none"}
	}
	return nil
}

// minWhatIf is how many requests a what-if needs: p95 has an upper bound from 72 on.
const minWhatIf = 72

// An outcome is how long a request would take: its observed times with the wait and service of a replay in place of its
// own.
type outcome struct {
	ttft, e2e int64
}

func (o *outcome) shift(s shifts) {
	o.ttft -= s.before
	o.e2e -= s.before + s.after
}

func (o *outcome) on(path Path) int64 {
	if path == PathTTFT {
		return o.ttft
	}
	return o.e2e
}

func valuesOn(list []outcome, path Path) func(job int) float64 {
	return func(job int) float64 { return float64(list[job].on(path)) }
}

// replay runs jobs and returns the outcome of each.
func (t *trial) replay(run func([]replay.Job) []replay.Times, jobs []replay.Job) []outcome {
	times := run(jobs)
	list := make([]outcome, len(jobs))
	for i, m := range t.load.Members {
		r, own := &t.p.Records[m], &t.load.Jobs[i]
		wait := t.load.Waits[i]
		list[i] = outcome{
			ttft: r.FirstToken - r.Start - wait - own.Prefill + times[i].FirstToken - jobs[i].Arrive,
			e2e:  r.E2E() - wait - own.Prefill - own.Decode + times[i].End - jobs[i].Arrive,
		}
	}
	return list
}

// changed returns the jobs as the change has them. A server that computes times from tokens gets the tokens scaled.
func (t *trial) changed(byTokens bool) []replay.Job {
	jobs := slices.Clone(t.load.Jobs)
	for i := range jobs {
		j := &jobs[i]
		j.Arrive -= t.cuts[i].before
		j.Prefill -= t.cuts[i].prefill
		j.Decode -= t.cuts[i].decode
		if own := t.load.Jobs[i]; byTokens {
			j.PromptTokens = scaleTokens(own.PromptTokens, j.Prefill, own.Prefill)
			j.DecodeTokens = scaleTokens(own.DecodeTokens, j.Decode, own.Decode)
		}
		if t.change.Rate != 0 {
			first := t.load.Jobs[0].Arrive
			j.Arrive = first + int64(math.Round(float64(j.Arrive-first)/t.change.Rate))
		}
	}
	return jobs
}

func scaleTokens(tokens, now, before int64) int64 {
	if before == 0 || now == before {
		return tokens
	}
	return int64(math.Round(float64(tokens) * float64(now) / float64(before)))
}

// serial returns what the scaled phases alone take off each request, by the arithmetic that nobody waits in.
func (t *trial) serial() []Effect {
	var list []Effect
	for _, path := range []Path{PathTTFT, PathE2E} {
		observed := func(job int) float64 { d, _ := t.p.Records[t.load.Members[job]].On(path); return float64(d) }
		list = append(list, t.effects(path, observed, func(job int) float64 {
			s := t.cuts[job]
			less := s.before + s.prefill
			if path == PathE2E {
				less += s.decode + s.after
			}
			return observed(job) - float64(less)
		})...)
	}
	return list
}

// fidelity compares the replay of today with today.
func (t *trial) fidelity(today []outcome) []Fidelity {
	var list []Fidelity
	for _, path := range []Path{PathTTFT, PathE2E} {
		observed := t.sorted(func(job int) float64 { d, _ := t.p.Records[t.load.Members[job]].On(path); return float64(d) })
		replayed := t.sorted(valuesOn(today, path))
		for _, q := range whatIfQuantiles {
			f := Fidelity{Path: path, P: q, Observed: QuantileOf(observed, q).Value, Replayed: QuantileOf(replayed, q).Value}
			if f.Observed > 0 {
				f.Miss = math.Abs(f.Replayed/f.Observed - 1)
			}
			list = append(list, f)
		}
	}
	return list
}

func (t *trial) sorted(of func(job int) float64) []float64 {
	values := make([]float64, len(t.latent))
	for i, job := range t.latent {
		values[i] = of(job)
	}
	slices.Sort(values)
	return values
}
