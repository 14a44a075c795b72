package population

import (
	"cmp"
	"slices"

	"github.com/slowtoken/slowtoken/analyzer"
)

// A TurnRecord is what population analysis keeps of an agent's or a chain's answer: its length, and what its own path
// was spent on. The three times add up to the length.
type TurnRecord struct {
	TraceID       analyzer.TraceID
	SpanID        analyzer.SpanID
	Service, Name string
	Start, End    int64 // nanoseconds since the Unix epoch
	Requests      int   // inference calls within

	Inference, Tool, Orchestration int64 // nanoseconds of its path
}

func (t *TurnRecord) compare(o *TurnRecord) int {
	return cmp.Or(cmp.Compare(t.Start, o.Start), t.TraceID.Compare(o.TraceID), t.SpanID.Compare(o.SpanID))
}

func (b *Builder) addTurn(t *analyzer.Trace, turn *analyzer.Turn) {
	r := TurnRecord{TraceID: turn.TraceID, SpanID: turn.SpanID, Start: turn.Start, End: turn.End, Requests: len(turn.Requests)}
	if s := b.survey.span(t, turn.SpanID); s != nil {
		r.Service, r.Name = s.Service(), s.Name
	}
	ns := turn.Ledger.ByPhase()
	r.Inference, r.Tool = ns[analyzer.Other], ns[analyzer.Tool]
	r.Orchestration = turn.Ledger.Total() - r.Inference - r.Tool
	b.population.TurnRecords = append(b.population.TurnRecords, r)
}

func sortTurns(list []TurnRecord) {
	slices.SortFunc(list, func(a, b TurnRecord) int { return a.compare(&b) })
}
