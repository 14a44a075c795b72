package main

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/slowtoken/slowtoken/inference/fault"
	"github.com/slowtoken/slowtoken/inference/sim"
)

// splitFile says which faults, intensities, workloads, model and device shapes, dialects and seeds are for tuning, which
// of these were held out in rounds before and have been looked at, and which nobody looks at before the rules are done.
//
//go:embed split.json
var splitFile []byte

type split struct {
	Seconds float64 `json:"seconds"`
	// LeastCost is the share of mean E2E or TTFT that a fault must cost, when the run is compared with the mended one, to be
	// one that must be named. Weaker ones belong to detection curves.
	LeastCost float64 `json:"least_cost"`

	Shapes    halves[shape]  `json:"shapes"`
	Workloads halves[string] `json:"workloads"`
	Dialects  halves[string] `json:"dialects"`
	Seeds     seeds          `json:"seeds"`
	Faults    []intensities  `json:"faults"` // with held_out alone: held out altogether
	Damage    []intensities  `json:"damage"`
	Healthy   halves[string] `json:"healthy"`
	Pairs     halves[string] `json:"pairs"`
}

// halves are what is for tuning, what was seen and is for tuning by now, by the round in which it was held out, and what is
// held out.
type halves[T any] struct {
	Develop []T   `json:"develop"`
	Seen    [][]T `json:"seen"`
	HeldOut []T   `json:"held_out"`
}

func (h halves[T]) tuning() []T { return slices.Concat(h.Develop, slices.Concat(h.Seen...)) }
func (h halves[T]) all() []T    { return slices.Concat(h.tuning(), h.HeldOut) }

type seeds struct {
	halves[uint64]
	Healthy     halves[uint64] `json:"healthy"`
	Curve       []uint64       `json:"curve"`
	Calibration uint64         `json:"calibration"` // of the runs that owners state their targets by
}

type shape struct {
	Model  string `json:"model"`
	Device string `json:"device"`
}

type intensities struct {
	Name string `json:"name"`
	halves[float64]
	Curve []float64 `json:"curve"` // weakest first
}

func readSplit() (*split, error) {
	decoder := json.NewDecoder(bytes.NewReader(splitFile))
	decoder.DisallowUnknownFields()
	var s split
	if err := decoder.Decode(&s); err != nil {
		return nil, fmt.Errorf("read split.json: %w", err)
	}
	return &s, nil
}

func splitHash() string {
	sum := sha256.Sum256(splitFile)
	return hex.EncodeToString(sum[:])
}

// A part is why a scenario is run.
type part string

const (
	partDevelop        part = "develop" // faults that rules may be tuned on
	partHeldOut        part = "held-out"
	partHealthy        part = "healthy" // that rules may be tuned on
	partHealthyHeldOut part = "healthy-held-out"
	partDamage         part = "damage"
	partPairs          part = "pairs"
	partCurve          part = "curve"
)

var parts = []string{string(partDevelop), string(partHeldOut), string(partHealthy), string(partHealthyHeldOut), string(partDamage), string(partPairs), string(partCurve)}

func partNamed(name string) (part, error) {
	if !slices.Contains(parts, name) {
		return "", fmt.Errorf("part %q is unknown: want one of %q", name, parts)
	}
	return part(name), nil
}

// A scenario is one system to simulate, and the dialects in which to write it down.
type scenario struct {
	part       part
	injections []fault.Injection // none is healthy
	unseen     bool              // of held-out parts: the fault is not in any other
	heldOut    bool              // of parts with both halves
	workload   string
	shape      shape
	seed       uint64
	seconds    float64
	dialects   []string
}

func (s *scenario) isHealthy() bool { return s.part == partHealthy || s.part == partHealthyHeldOut }

func (s *scenario) fault() string {
	var names []string
	for _, i := range s.injections {
		name := i.String()
		if i.Fault.Unit == "" {
			name = i.Fault.Name
		}
		names = append(names, name)
	}
	return strings.Join(names, "+")
}

func (s *scenario) name() string {
	return fmt.Sprintf("%s %s %s %s@%s %d", s.part, s.fault(), s.workload, shortName(s.shape.Model), shortName(s.shape.Device), s.seed)
}

// shortName leaves out the owner of a model and the maker of a device.
func shortName(name string) string {
	if _, after, found := strings.Cut(name, "/"); found {
		return after
	}
	return strings.TrimPrefix(name, "NVIDIA ")
}

func (s *scenario) options() (o fault.Options, err error) {
	o = fault.Options{Seed: s.seed, Length: int64(s.seconds * 1e9), Workload: s.workload}
	m := slices.IndexFunc(sim.Models, func(m sim.Model) bool { return m.Name == s.shape.Model })
	d := slices.IndexFunc(sim.Devices, func(d sim.Device) bool { return d.Name == s.shape.Device })
	if m < 0 || d < 0 {
		return o, fmt.Errorf("split.json: the simulator does not know %s on %s", s.shape.Model, s.shape.Device)
	}
	o.Model, o.Device = sim.Models[m], sim.Devices[d]
	return o, nil
}

const mainDialect = "vllm"

// scenarios lists all that is to be run.
func (s *split) scenarios() (list []scenario, err error) {
	add := func(p part, injections string, c scenario) {
		if err != nil {
			return
		}
		c.part, c.seconds = p, s.Seconds
		if c.injections, err = fault.Parse(injections); err == nil {
			list = append(list, c)
		}
	}
	at := func(name string, x float64) string { return fmt.Sprintf("%s@%g", name, x) }

	// Every fault meets every workload of its block at every intensity; shapes, seeds and second dialects take turns, so that
	// each of those that can carry the fault has it at least once. Blocks that are or were held out have every shape too.
	for fi, f := range s.Faults {
		forTuning, heldOut := s.secondDialects(f.Name, s.Dialects.tuning()), s.secondDialects(f.Name, s.Dialects.HeldOut)
		for ii, x := range f.Develop {
			for wi, w := range s.Workloads.Develop {
				n := ii*len(s.Workloads.Develop) + wi
				add(partDevelop, at(f.Name, x), scenario{
					workload: w, shape: in(s.Shapes.Develop, fi+2*ii+wi), seed: in(s.Seeds.Develop, fi+ii+wi),
					dialects: append([]string{mainDialect, in(forTuning, n)}, own(n == 0)...),
				})
			}
		}
		for round, seen := range f.Seen {
			for c := range crossed(seen, s.Workloads.Seen[round], s.Shapes.Seen[round]) {
				c.seed, c.dialects = in(s.Seeds.Seen[round], fi+c.n), []string{mainDialect, in(forTuning, c.n)}
				add(partDevelop, at(f.Name, c.x), c.scenario)
			}
		}
		for c := range crossed(f.HeldOut, s.Workloads.HeldOut, s.Shapes.HeldOut) {
			c.seed, c.dialects = in(s.Seeds.HeldOut, fi+c.n), []string{mainDialect, in(heldOut, c.n), in(forTuning, c.n)}
			c.unseen, c.heldOut = len(f.tuning()) == 0, true
			add(partHeldOut, at(f.Name, c.x), c.scenario)
		}
		for _, x := range f.Curve {
			for _, seed := range s.Seeds.Curve {
				add(partCurve, at(f.Name, x), scenario{
					workload: s.Workloads.Develop[0], shape: s.Shapes.Develop[0], seed: seed, dialects: []string{curveDialect(f.Name)},
				})
			}
		}
	}
	for vi, name := range s.Healthy.all() {
		for wi, w := range s.Workloads.all() {
			for hi, h := range s.Shapes.all() {
				n := vi + wi + hi
				healthy := func(p part, seeds []uint64, dialects []string) {
					add(p, name, scenario{workload: w, shape: h, seed: in(seeds, n), dialects: []string{mainDialect, in(foreignOf(dialects), n)}, heldOut: p == partHealthyHeldOut})
				}
				tuned := slices.Contains(s.Healthy.tuning(), name)
				switch {
				case !tuned:
				case slices.Contains(s.Workloads.Develop, w) && slices.Contains(s.Shapes.Develop, h):
					healthy(partHealthy, s.Seeds.Healthy.Develop, s.Dialects.tuning())
				default:
					for round, seeds := range s.Seeds.Healthy.Seen {
						ofRound := slices.Contains(s.Workloads.Seen[round], w) && slices.Contains(s.Shapes.Seen[round], h)
						if round == len(s.Seeds.Healthy.Seen)-1 { // the whole of what was held out last
							ofRound = slices.Contains(s.Workloads.Seen[round], w) || slices.Contains(s.Shapes.Seen[round], h)
						}
						if ofRound {
							healthy(partHealthy, seeds, s.Dialects.tuning())
						}
					}
				}
				if slices.Contains(s.Workloads.HeldOut, w) || slices.Contains(s.Shapes.HeldOut, h) {
					healthy(partHealthyHeldOut, s.Seeds.Healthy.HeldOut, s.Dialects.all())
				}
			}
		}
	}
	for fi, f := range s.Damage {
		damaged := func(intensities []float64, workloads []string, shapes []shape, seeds []uint64, heldOut bool) {
			for ii, x := range intensities {
				for wi, w := range workloads {
					add(partDamage, at(f.Name, x), scenario{workload: w, shape: in(shapes, ii+wi), seed: in(seeds, fi+ii+wi), dialects: damagedDialects(f.Name), heldOut: heldOut})
				}
			}
		}
		damaged(f.Develop, s.Workloads.Develop, s.Shapes.Develop, s.Seeds.Develop, false)
		for round, seen := range f.Seen {
			damaged(seen, s.Workloads.Seen[round], s.Shapes.Seen[round], s.Seeds.Seen[round], false)
		}
		damaged(f.HeldOut, s.Workloads.HeldOut, s.Shapes.HeldOut, s.Seeds.HeldOut, true)
	}
	paired := func(pairs, workloads []string, shapes []shape, seeds []uint64, heldOut bool) {
		for pi, pair := range pairs {
			add(partPairs, pair, scenario{workload: in(workloads, pi), shape: in(shapes, pi), seed: seeds[0], dialects: []string{mainDialect}, heldOut: heldOut})
		}
	}
	paired(s.Pairs.Develop, s.Workloads.Develop[:1], s.Shapes.Develop, s.Seeds.Develop, false)
	for round, seen := range s.Pairs.Seen {
		paired(seen, s.Workloads.Seen[round], s.Shapes.Seen[round], s.Seeds.Seen[round], false)
	}
	paired(s.Pairs.HeldOut, s.Workloads.HeldOut, s.Shapes.HeldOut, s.Seeds.HeldOut, true)
	return list, err
}

// A crossing is a scenario at an intensity, the n-th of its fault.
type crossing struct {
	scenario
	x float64
	n int
}

// crossed yields every intensity under every workload on every shape.
func crossed(intensities []float64, workloads []string, shapes []shape) iter.Seq[crossing] {
	return func(yield func(crossing) bool) {
		n := 0
		for _, x := range intensities {
			for _, w := range workloads {
				for _, h := range shapes {
					if !yield(crossing{scenario{workload: w, shape: h}, x, n}) {
						return
					}
					n++
				}
			}
		}
	}
}

// secondDialects are those that can carry a fault beside the main one, and one that cannot, in which to name nothing is
// right.
func (s *split) secondDialects(name string, dialects []string) (list []string) {
	injections, err := fault.Parse(name)
	if err != nil {
		return nil
	}
	cannot := ""
	for _, d := range foreignOf(dialects) {
		if carries(d, injections[0].Fault.Label) {
			list = append(list, d)
		} else if cannot == "" {
			cannot = d
		}
	}
	if cannot != "" {
		list = append(list, cannot)
	}
	return list
}

// foreignOf leaves out the main dialect.
func foreignOf(dialects []string) []string {
	return slices.DeleteFunc(slices.Clone(dialects), func(d string) bool { return d == mainDialect })
}

// own is the own dialect, sometimes.
func own(yes bool) []string {
	if yes {
		return []string{ownDialect}
	}
	return nil
}

func in[T any](list []T, i int) T { return list[i%len(list)] }

// curveDialect is one that can carry the phase that the fault makes longer.
func curveDialect(name string) string {
	switch name {
	case "cold-load":
		return "ollama-openllmetry"
	case "input-copy":
		return "triton"
	case "pause":
		return "sglang"
	}
	return mainDialect
}

// damagedDialects are those that the damage leaves a mark on: an engine's span has no events, and spans of SDKs for
// Python that have one have one.
func damagedDialects(name string) []string {
	if name == "cut-events" {
		return []string{"openllmetry-python"}
	}
	if name == "cut-texts" {
		return []string{"tgi"}
	}
	return []string{mainDialect}
}
