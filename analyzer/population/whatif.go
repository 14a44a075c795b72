package population

import "fmt"

// A WhatIf says what a change would bring in one capacity domain. Times are nanoseconds.
type WhatIf struct {
	Domain   string `json:"domain"`
	Requests int    `json:"requests"`         // replayed: those that latency measures hold
	LeftOut  int    `json:"left_out"`         // requests whose queue and service are not told apart
	Server   string `json:"server,omitempty"` // the server that was replayed, in words

	Fidelity    []Fidelity   `json:"fidelity,omitempty"`     // of the replay of today; by path, then quantile
	Effects     []Effect     `json:"effects,omitempty"`      // by path, then quantile; none where fidelity was missed
	Serial      []Effect     `json:"if_nobody_were_waiting"` // what the scaled phases alone take off each request; no replay
	Assumptions []string     `json:"assumptions,omitempty"`
	Abstained   []Abstention `json:"abstained,omitempty"`
}

// A Fidelity compares a quantile of the replay of today with what was observed.
type Fidelity struct {
	Path     Path    `json:"path"`
	P        float64 `json:"p"`
	Observed float64 `json:"observed_ns"`
	Replayed float64 `json:"replayed_ns"`
	Miss     float64 `json:"miss"` // |Replayed / Observed - 1|
}

// An Effect is a quantile before and after a change. Before is the replay of today; in serial figures, what was observed.
type Effect struct {
	Path     Path      `json:"path"`
	P        float64   `json:"p"`
	Before   float64   `json:"before_ns"`
	After    float64   `json:"after_ns"`
	Interval *Interval `json:"after_interval_ns,omitempty"` // of After; nil under five blocks
	Delta    float64   `json:"delta_ns"`
	DeltaCI  *Interval `json:"delta_interval_ns,omitempty"`
}

// An Interval is a 95 % interval.
type Interval struct {
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// maxMiss is by how much the replay of today may miss p50 and p95.
const maxMiss = 0.1

var whatIfQuantiles = [...]float64{0.5, 0.95, 0.99}

// WhatIf returns what c would bring in each domain that decodes, by replaying the requests of the study s of p as they
// arrived. The error says that c makes no sense; what cannot be told of a domain is in its Abstained.
func (p *Population) WhatIf(s *Study, c Scenario, o StudyOptions) ([]WhatIf, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	var list []WhatIf
	for _, d := range s.Domains {
		if !d.Domain.PrefillOnly {
			list = append(list, p.whatIf(d, &c, &o))
		}
	}
	return list, nil
}

func (p *Population) whatIf(d *DomainStudy, c *Scenario, o *StudyOptions) WhatIf {
	w := WhatIf{Domain: d.Domain.Name}
	t := p.trialOf(d, c, o)
	w.Requests, w.LeftOut = len(t.latent), t.load.Unknown
	if len(c.Scale) > 0 && len(t.latent) > 0 {
		w.Serial = t.serial()
	}
	if why := t.impossible(); why != nil {
		w.Abstained = append(w.Abstained, *why)
		return w
	}
	servers, why := t.servers()
	if why != nil {
		w.Abstained = append(w.Abstained, *why)
		return w
	}
	for _, server := range servers {
		w.Server, w.Fidelity, w.Effects, w.Assumptions = server.name, nil, nil, server.assumptions
		today := t.replay(server.today, t.load.Jobs)
		w.Fidelity = t.fidelity(today)
		if missed(w.Fidelity, PathE2E) == nil {
			t.judge(&w, server, today)
			return w
		}
	}
	f := missed(w.Fidelity, PathE2E)
	w.Abstained = append(w.Abstained, Abstention{
		What: "what-if of " + d.Domain.Label(),
		Why: fmt.Sprintf("replaying today misses p%.0f of E2E by %.0f %% (%s replayed, %s observed; %s), so no change can be trusted to it",
			100*f.P, 100*f.Miss, seconds(f.Replayed), seconds(f.Observed), w.Server),
		Remedy: "state what the traces do not carry, such as --fact replicas=N or max_num_batched_tokens=N, or take a window of steady load",
	})
	return w
}

// judge fills in the effects, of the paths that the replay of today reproduces.
func (t *trial) judge(w *WhatIf, server candidate, today []outcome) {
	jobs := t.changed(server.byTokens)
	after := t.replay(server.after, jobs)
	for i := range after {
		after[i].shift(t.cuts[i])
	}
	for _, path := range []Path{PathTTFT, PathE2E} {
		if f := missed(w.Fidelity, path); f != nil {
			w.Abstained = append(w.Abstained, Abstention{
				What: fmt.Sprintf("what-if of %s", path),
				Why:  fmt.Sprintf("replaying today misses its p%.0f by %.0f %% (%s replayed, %s observed)", 100*f.P, 100*f.Miss, seconds(f.Replayed), seconds(f.Observed)),
			})
			continue
		}
		w.Effects = append(w.Effects, t.effects(path, valuesOn(today, path), valuesOn(after, path))...)
	}
}

func seconds(ns float64) string { return fmt.Sprintf("%.3g s", ns/1e9) }

// missed returns the worst quantile, p50 or p95, that the replay of today misses on the path, nil if there is none.
func missed(list []Fidelity, path Path) (worst *Fidelity) {
	for i := range list {
		f := &list[i]
		if f.Path == path && f.P <= 0.95 && f.Miss > maxMiss && (worst == nil || f.Miss > worst.Miss) {
			worst = f
		}
	}
	return worst
}
