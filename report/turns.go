package report

import (
	"cmp"
	"slices"
	"time"

	"github.com/slowtoken/slowtoken/analyzer/population"
)

// A TurnGroup is the turns of one agent or chain: what their own paths are spent on.
type TurnGroup struct {
	Service  string  `json:"service"`
	Name     string  `json:"name"` // of the span
	Turns    int     `json:"turns"`
	Requests float64 `json:"mean_requests"` // inference calls a turn

	Mean          int64 `json:"mean_ns"`
	P50           int64 `json:"p50_ns"`
	P95           int64 `json:"p95_ns"`
	Inference     int64 `json:"mean_inference_ns"` // the three add up to the mean, but for rounding
	Tool          int64 `json:"mean_tool_ns"`
	Orchestration int64 `json:"mean_orchestration_ns"`

	Slowest string `json:"slowest_trace"`
	Link    string `json:"link,omitempty"`
}

// turnGroups sums turns up by service and name, the most total time first.
func turnGroups(p *population.Population, template string) []TurnGroup {
	type key struct{ service, name string }
	members := map[key][]*population.TurnRecord{}
	for i := range p.TurnRecords {
		t := &p.TurnRecords[i]
		k := key{t.Service, t.Name}
		members[k] = append(members[k], t)
	}
	list := []TurnGroup{}
	for k, turns := range members {
		slices.SortStableFunc(turns, func(a, b *population.TurnRecord) int { return cmp.Compare(a.End-a.Start, b.End-b.Start) })
		n := len(turns)
		slowest := turns[n-1]
		at := func(q float64) int64 { t := turns[population.NearestRank(n, q)]; return t.End - t.Start }
		g := TurnGroup{Service: k.service, Name: k.name, Turns: n, P50: at(.5), P95: at(.95), Slowest: slowest.TraceID.String()}
		for _, t := range turns {
			g.Requests += float64(t.Requests)
			g.Mean += t.End - t.Start
			g.Inference += t.Inference
			g.Tool += t.Tool
			g.Orchestration += t.Orchestration
		}
		g.Requests /= float64(n)
		for _, sum := range []*int64{&g.Mean, &g.Inference, &g.Tool, &g.Orchestration} {
			*sum /= int64(n)
		}
		if template != "" {
			g.Link = traceLink(template, g.Slowest, slowest.SpanID.String(), time.Unix(0, slowest.Start), slowest.End-slowest.Start)
		}
		list = append(list, g)
	}
	slices.SortFunc(list, func(a, b TurnGroup) int {
		return cmp.Or(cmp.Compare(int64(b.Turns)*b.Mean, int64(a.Turns)*a.Mean), cmp.Compare(a.Service, b.Service), cmp.Compare(a.Name, b.Name))
	})
	return list
}
