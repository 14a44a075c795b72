package fault

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/inference/arrival"
	"github.com/slowtoken/slowtoken/inference/sim"
)

// A Fault is one way to be slow, or one that only looks slow.
type Fault struct {
	Name, Doc string
	// Unit of the intensity, its range and what it is when not stated. No unit: the fault has no intensity.
	Unit               string
	Low, High, Default float64
	Label              Label
	Backends           []Backend

	// load gives the scenario a load that suits the fault, and stays when the fault is removed; broken is the scenario with
	// the fault. Without one the load is as it was.
	load func(s, broken *Scenario, x float64) error
	// apply makes the scenario slow.
	apply func(s *Scenario, x float64) error
}

// A Label is the answer that is right for a fault, registered before the rules are run.
type Label struct {
	Rules []string       // ids of the rules that name it; none for a healthy system
	Phase analyzer.Phase // that gets longer; Unattributed for none
	// Abstain says that telemetry is damaged: the right answer names the damage and no bottleneck that rests on it.
	Abstain bool
}

// A Backend is where a fault can be injected.
type Backend string

// The backends.
const (
	Simulator Backend = "sim"
	Ollama    Backend = "ollama" // a real server, through the gateway and the load generator
)

var (
	onlySim = []Backend{Simulator}
	both    = []Backend{Simulator, Ollama}
)

const (
	millisecond = 1e6
	second      = 1e9
)

// Faults lists everything that can be injected.
var Faults = slices.Concat(healthy, alsoHealthy, alsoMixed, alsoRenewed, slow, rare, further, production, operations, field, damaged)

// healthy systems, the hard ones included: they look slow to a careless reader.
var healthy = []Fault{
	{Name: "healthy", Doc: "a third of what the system can serve", Backends: both, apply: nothing},
	{
		Name: "healthy-busy", Doc: "few slots are free, and hardly anybody waits for one", Unit: "share of slots, at most", Low: 0.5, High: 0.85, Default: 0.8, Backends: onlySim,
		apply: func(s *Scenario, x float64) error {
			run, err := s.Run()
			if err != nil {
				return err
			}
			var inService float64
			met := make([]int, len(run.Requests)) // by each request, itself included
			for i := range run.Requests {
				r := &run.Requests[i]
				inService += float64(r.LastToken-r.Scheduled) / float64(s.Workload.Length)
				met[i] = r.Running + 1
			}
			slices.Sort(met)
			// One in a hundred waits for a slot, if so many.
			s.Config.Engine.Slots = max(int(math.Ceil(inService/x)), met[len(met)*99/100])
			return nil
		},
	},
	{
		Name: "healthy-long-output", Doc: "long answers by design, at a good rate", Unit: "tokens", Low: 200, High: 4000, Default: 600, Backends: both,
		load: sameShare,
		apply: func(s *Scenario, x float64) error {
			s.Workload.Streams[0].Output = sim.Tokens{Median: x, Sigma: 0.2, Low: int(x / 2), High: int(2 * x)}
			return nil
		},
	},
	{
		Name: "healthy-bandwidth", Doc: "decodes near what the memory can deliver", Backends: onlySim,
		apply: func(s *Scenario, _ float64) error {
			s.change(func(r *sim.Roofline) { r.Read, r.Overhead, r.PerSequence = 0.9, 300_000, 2_000 })
			return nil
		},
	},
	{
		Name: "healthy-prefix", Doc: "most of each prompt is cached", Unit: "tokens", Low: 256, High: 8192, Default: 2048, Backends: onlySim,
		load: sameShare,
		apply: func(s *Scenario, x float64) error {
			s.Workload.Streams[0].Prefixes, s.Workload.Streams[0].PrefixTokens = 4, int(x)
			return nil
		},
	},
	{
		Name: "healthy-diurnal", Doc: "a load that swings around its mean, within what the system can serve", Unit: "share of the mean", Low: 0.1, High: 0.8, Default: 0.6, Backends: both,
		apply: func(s *Scenario, x float64) error {
			rate, err := s.capacity()
			s.Workload.Streams[0].Arrivals = arrival.Diurnal(s.Share*rate, x, s.Workload.Length/2)
			return err
		},
	},
}

func nothing(*Scenario, float64) error { return nil }

// sameShare loads a scenario so that with the fault it is at the share of what can be served that it was at without.
func sameShare(s, broken *Scenario, _ float64) error { return s.loadFor(broken, s.Share) }

// shareOf loads a scenario so that with the fault it is at that share of what can be served.
func shareOf(share float64) func(s, broken *Scenario, x float64) error {
	return func(s, broken *Scenario, _ float64) error { return s.loadFor(broken, share) }
}

// change applies a change to the roofline.
func (s *Scenario) change(f func(*sim.Roofline)) {
	r, ok := s.Config.Timing.(sim.Roofline)
	if !ok {
		return
	}
	f(&r)
	s.Config.Timing = r
}

// Inject makes the scenario slow, in the order of the list.
func (s *Scenario) Inject(list []Injection) error { return s.InjectAllBut(list, -1) }

// InjectAllBut leaves the fault at an index out, but for the load that comes with it: what is left is the system after
// that fault was mended, under the very same requests.
func (s *Scenario) InjectAllBut(list []Injection, mended int) error {
	for n, i := range list {
		broken := s.clone()
		if err := i.Fault.apply(broken, i.Intensity); err != nil {
			return fmt.Errorf("inject %s: %w", i, err)
		}
		if i.Fault.load != nil {
			if err := i.Fault.load(s, broken, i.Intensity); err != nil {
				return fmt.Errorf("inject %s: %w", i, err)
			}
		}
		if n == mended {
			continue
		}
		if err := i.Fault.apply(s, i.Intensity); err != nil {
			return fmt.Errorf("inject %s: %w", i, err)
		}
	}
	return nil
}

// InjectLoads gives the scenario the load that comes with the faults, and none of them: what is left is the system as it
// was before anything was wrong with it.
func (s *Scenario) InjectLoads(list []Injection) error {
	faulty := s.clone()
	for _, i := range list {
		broken := faulty.clone()
		if err := i.Fault.apply(broken, i.Intensity); err != nil {
			return fmt.Errorf("inject %s: %w", i, err)
		}
		if i.Fault.load != nil {
			for _, to := range []*Scenario{s, faulty} {
				if err := i.Fault.load(to, broken, i.Intensity); err != nil {
					return fmt.Errorf("inject the load of %s: %w", i, err)
				}
			}
		}
		if err := i.Fault.apply(faulty, i.Intensity); err != nil {
			return fmt.Errorf("inject %s: %w", i, err)
		}
	}
	return nil
}

// HasLoad reports whether a load of its own comes with the fault, and stays when it is removed.
func (f *Fault) HasLoad() bool { return f.load != nil }

// clone copies all that a fault changes.
func (s *Scenario) clone() *Scenario {
	c := *s
	c.Workload.Streams = slices.Clone(s.Workload.Streams)
	c.Config.Pauses = slices.Clone(s.Config.Pauses)
	c.Config.Scale = slices.Clone(s.Config.Scale)
	c.Config.Slow = maps.Clone(s.Config.Slow)
	c.Config.Drain = maps.Clone(s.Config.Drain)
	c.change(func(r *sim.Roofline) { r.Changes = slices.Clone(r.Changes) })
	return &c
}

// every returns the times from first on, an interval apart, until the load ends.
func (s *Scenario) every(first, interval float64) (times []int64) {
	for at := first; at < float64(s.Workload.Length); at += interval {
		times = append(times, s.Config.Start+int64(at))
	}
	return times
}

// peakBlocks is how many blocks of KV cache the scenario uses at most when there are enough.
func (s *Scenario) peakBlocks() (int, error) {
	run, err := s.Run()
	if err != nil {
		return 0, err
	}
	var peak float64
	for _, sample := range run.Samples {
		peak = max(peak, sample.KVUsed)
	}
	longest := 0
	for i := range run.Requests {
		longest = max(longest, (run.Requests[i].Prompt+run.Requests[i].Output)/sim.BlockTokens+1)
	}
	return max(longest, int(math.Ceil(peak*float64(s.Config.Engine.Blocks)))), nil
}
