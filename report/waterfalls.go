package report

import (
	"fmt"
	"iter"
	"slices"

	"github.com/slowtoken/slowtoken/analyzer"
)

// A Waterfall is one trace, as it is drawn: times are nanoseconds from its start.
type Waterfall struct {
	What    string           `json:"what"` // "typical" or "worst", by E2E
	TraceID string           `json:"trace_id"`
	Length  int64            `json:"length_ns"`
	Largest []analyzer.Phase `json:"largest"` // the phase that takes most of the request; several that cannot be told apart
	Rows    []WaterfallRow   `json:"rows"`    // in reading order
	More    int              `json:"more"`    // spans that have no row
}

// A WaterfallRow is a span with its time on the critical path.
type WaterfallRow struct {
	Label  string     `json:"label"` // service and name
	Depth  int        `json:"depth"`
	Start  int64      `json:"start_ns"`
	End    int64      `json:"end_ns"`
	Pieces []PartView `json:"pieces"`
}

// waterfallRows is how many spans a waterfall shows: those with the most time on the critical path, and their parents.
const waterfallRows = 24

// waterfalls draws the exemplars called typical and worst out of traces, which yields at least theirs.
func waterfalls(exemplars []Exemplar, dialects []analyzer.Dialect, read func(ids []analyzer.TraceID) iter.Seq2[*analyzer.Trace, error]) ([]Waterfall, error) {
	names := map[string]string{"p50": "typical", "slowest": "worst"}
	wanted := map[analyzer.TraceID][]*Exemplar{}
	var ids []analyzer.TraceID
	for i := range exemplars {
		e := &exemplars[i]
		if names[e.What] == "" {
			continue
		}
		id, err := analyzer.ParseTraceID(e.TraceID)
		if err != nil {
			return nil, fmt.Errorf("drawing the trace of an exemplar: %w", err)
		}
		if wanted[id] == nil {
			ids = append(ids, id)
		}
		wanted[id] = append(wanted[id], e)
	}
	list := []Waterfall{}
	for t, err := range read(ids) {
		if err != nil {
			return nil, fmt.Errorf("reading the traces of exemplars: %w", err)
		}
		for _, e := range wanted[t.ID] {
			list = append(list, newWaterfall(names[e.What], e, ViewTrace(t, dialects)))
		}
	}
	slices.SortStableFunc(list, func(a, b Waterfall) int {
		if a.What == b.What {
			return 0
		}
		if a.What == "typical" {
			return -1
		}
		return 1
	})
	return list, nil
}

func newWaterfall(what string, e *Exemplar, v *TraceView) Waterfall {
	w := Waterfall{What: what, TraceID: v.TraceID, Length: v.End - v.Start, Largest: e.Largest}
	keep := map[int]bool{}
	byTime := make([]int, len(v.Tree))
	for i := range byTime {
		byTime[i] = i
	}
	slices.SortStableFunc(byTime, func(a, b int) int { return int(min(1, max(-1, v.Tree[b].Critical-v.Tree[a].Critical))) })
	for _, i := range byTime {
		if v.Tree[i].Critical == 0 && len(keep) > 0 && len(v.Tree) > waterfallRows {
			break
		}
		var line []int
		for at := i; at >= 0 && !keep[at]; at = v.Tree[at].parent {
			line = append(line, at)
		}
		if len(keep)+len(line) > waterfallRows {
			break
		}
		for _, at := range line {
			keep[at] = true
		}
	}
	for i := range v.Tree {
		s := &v.Tree[i]
		if !keep[i] {
			w.More++
			continue
		}
		row := WaterfallRow{Label: s.Service + " " + s.Name, Depth: s.Depth, Start: s.Start - v.Start, End: s.End - v.Start, Pieces: []PartView{}}
		for _, p := range s.Path {
			p.Start, p.End = p.Start-v.Start, p.End-v.Start
			row.Pieces = append(row.Pieces, p)
		}
		w.Rows = append(w.Rows, row)
	}
	return w
}
