package report

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/population"
)

// A Distribution is a latency measure's values over the successful requests that have it, thinned to quantiles.
type Distribution struct {
	Measure string  `json:"measure"` // "TTFT" or "E2E"
	N       int     `json:"n"`
	Values  []int64 `json:"values_ns"` // at evenly spaced ranks, ascending; the first and the last are the extremes
}

// distributionPoints is how many values a distribution keeps: a picture shows no more.
const distributionPoints = 200

func distributions(ok []*population.Record) []Distribution {
	list := []Distribution{}
	for _, m := range []struct {
		name string
		of   func(*population.Record) (int64, bool)
	}{
		{"TTFT", (*population.Record).TTFT},
		{"E2E", func(r *population.Record) (int64, bool) { return r.E2E(), true }},
	} {
		var values []int64
		for _, r := range ok {
			if ns, has := m.of(r); has {
				values = append(values, ns)
			}
		}
		slices.Sort(values)
		if n := len(values); n > 0 {
			list = append(list, Distribution{m.name, n, thinned(values)})
		}
	}
	return list
}

func thinned(sorted []int64) []int64 {
	n := len(sorted)
	if n <= distributionPoints {
		return sorted
	}
	out := make([]int64, distributionPoints)
	for i := range out {
		out[i] = sorted[int(math.Round(float64(i)*float64(n-1)/(distributionPoints-1)))]
	}
	return out
}

// A Timeline counts requests over equal bins of time.
type Timeline struct {
	Since    time.Time `json:"since"`
	Bin      int64     `json:"bin_ns"`
	Arrivals []int     `json:"arrivals"`  // requests that start in each bin
	InFlight []float64 `json:"in_flight"` // requests under way, on average over the bin
}

// timelineBins is how many bins a timeline has at most.
const timelineBins = 200

// timeline counts all requests, or returns nil if they span no time.
func timeline(p *population.Population) *Timeline {
	if len(p.Records) == 0 {
		return nil
	}
	first, last := p.Records[0].Start, p.Records[0].End
	for i := range p.Records {
		last = max(last, p.Records[i].End)
	}
	if last <= first {
		return nil
	}
	t := &Timeline{Since: time.Unix(0, first).UTC(), Bin: max(1, (last-first+timelineBins-1)/timelineBins)}
	n := int((last-first)/t.Bin) + 1
	t.Arrivals, t.InFlight = make([]int, n), make([]float64, n)
	starts := make([]float64, n+1) // what starts and ends of requests add to the bins after theirs
	for i := range p.Records {
		r := &p.Records[i]
		from, to := int((r.Start-first)/t.Bin), int((r.End-first)/t.Bin)
		t.Arrivals[from]++
		if from == to {
			t.InFlight[from] += float64(r.End-r.Start) / float64(t.Bin)
			continue
		}
		t.InFlight[from] += 1 - float64(r.Start-first-int64(from)*t.Bin)/float64(t.Bin)
		t.InFlight[to] += float64(r.End-first-int64(to)*t.Bin) / float64(t.Bin)
		starts[from+1]++
		starts[to]--
	}
	whole := 0.0
	for i := range t.InFlight {
		whole += starts[i]
		t.InFlight[i] += whole
	}
	return t
}

// A Resource is a metric of an engine or a machine over the window.
type Resource struct {
	Name   string  `json:"name"`
	Of     string  `json:"of,omitempty"` // the process or device, as its resource names it
	Unit   string  `json:"unit,omitempty"`
	Points int     `json:"points"`
	Mean   float64 `json:"mean"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

// resources sums up gauges, and sums that can fall: by name and process, in that order.
func resources(points []analyzer.MetricPoint) []Resource {
	type key struct{ name, of string }
	kept := map[key]*Resource{}
	for i := range points {
		p := &points[i]
		if p.Type != analyzer.MetricGauge && (p.Type != analyzer.MetricSum || p.Monotonic) {
			continue
		}
		v, ok := p.Value.Number()
		if !ok || math.IsNaN(v) || math.IsInf(v, 0) {
			continue
		}
		k := key{name: p.Name}
		if p.Resource != nil {
			k.of = cmp.Or(p.Resource.Attributes.Text("service.instance.id"), p.Resource.Attributes.Text("service.name"))
		}
		r := kept[k]
		if r == nil {
			r = &Resource{Name: k.name, Of: k.of, Unit: p.Unit, Min: v, Max: v}
			kept[k] = r
		}
		r.Points++
		r.Mean += v
		r.Min, r.Max = min(r.Min, v), max(r.Max, v)
	}
	list := []Resource{}
	for _, r := range kept {
		r.Mean /= float64(r.Points)
		list = append(list, *r)
	}
	slices.SortFunc(list, func(a, b Resource) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Of, b.Of)) })
	return list
}

// An Architecture is which services the traces show, and who calls whom.
type Architecture struct {
	Services []ServiceView `json:"services"`
	Calls    []CallView    `json:"calls"`
}

// A ServiceView is a service with what its resources state: attribute keys with their values.
type ServiceView struct {
	Name  string              `json:"name"`
	Spans int                 `json:"spans"`
	Facts map[string][]string `json:"facts"`
}

// A CallView counts spans of one service whose parent is another's.
type CallView struct {
	From  string `json:"from"`
	To    string `json:"to"`
	Spans int    `json:"spans"`
}

func architecture(p *population.Population) Architecture {
	a := Architecture{Services: []ServiceView{}, Calls: []CallView{}}
	for _, s := range p.Topology.Services {
		a.Services = append(a.Services, ServiceView(s))
	}
	for _, c := range p.Topology.Calls {
		a.Calls = append(a.Calls, CallView(c))
	}
	return a
}
