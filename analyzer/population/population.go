// Package population turns many requests into what holds of them together: counts, quantiles, phase shares, and the
// operations that the critical paths spend their time in.
//
// Traces come in one by one through [Builder.Add] and are let go again: what stays of a request is a compact [Record].
// [Builder.Population] sorts the records, so that the order of the traces changes nothing.
package population

import (
	"cmp"
	"slices"

	"github.com/slowtoken/slowtoken/analyzer"
)

// An Operation is a span name of a service with the critical-path time that falls to it.
type Operation struct {
	Service, Name string
	Self          int64 // nanoseconds on the critical path that fall to no child
	Spans         int   // spans with time on the path
	Traces        int   // traces in which it is on the path
	Slowest       analyzer.TraceID
	SlowestSelf   int64 // nanoseconds of it in that trace
}

// A Window is a range of time, [Since, Until), in nanoseconds since the Unix epoch. A zero end is open.
type Window struct{ Since, Until int64 }

// Holds reports whether t is in w.
func (w Window) Holds(t int64) bool {
	return (w.Since == 0 || t >= w.Since) && (w.Until == 0 || t < w.Until)
}

// A Population is everything that is kept of the traces of one analysis.
type Population struct {
	Records     []Record    // by start, then trace id, then span id
	Before      []Record    // requests that started before the window and reach into it; in the same order
	Operations  []Operation // by time on the critical path, most first
	Topology    Topology
	Bystanders  []Bystander // by start
	PathTime    int64       // nanoseconds of all critical paths together
	Traces      int
	Plain       int // traces among them that hold no request at all
	Spans       int
	Turns       int
	Blocks      int          // of requests that do not depend on each other's: see [Block]
	TurnRecords []TurnRecord // of the turns that start in the window; in the order of [TurnRecord.compare]
	First       int64        // earliest root start of the traces kept; zero without traces
	Last        int64        // latest root end of the traces kept
	Warnings    analyzer.Warnings

	DoubtfulTraces [64]int // how many traces each of [Doubts] concerns, but for those of single requests
	// ClippedTime and DroppedTime are the nanoseconds that assembly cut off or set aside: see [analyzer.Trace.ClippedNS].
	ClippedTime, DroppedTime int64

	since         int64 // the window's
	texts         []string
	attributeSets [][]attribute
	tooMany       [NumDimensions]bool // dimensions with over maxValues values
	details       []string
	devices       map[uint32]string // by instance, where its resource states it
}

// Text returns the string that code stands for.
func (p *Population) Text(code uint32) string { return p.texts[code] }

// A Builder collects a population. It is not safe for concurrent use; builders that ran side by side are joined with
// [Builder.Merge].
type Builder struct {
	window   Window
	dialects []analyzer.Dialect
	filter   Filter

	before     []Record
	blocks     [][]Record // each of blockSize, but for the last of each builder
	phaseSlab  []PhaseTime
	gapSlab    []uint32
	operations map[operationKey]*Operation
	population Population
	codes      map[string]uint32
	texts      []string
	trace      map[operationKey]pathTime // scratch of one trace
	onPath     []bool                    // scratch of one trace, by span
	survey     survey                    // of the trace at hand
	attributes attributeSets
	details    details
	batches    analyzer.Batches
	topology   topology
	devices    map[uint32]string // as in Population

	experimental map[string]bool // dialects that are not verified
}

type operationKey struct{ service, name string }

type pathTime struct {
	self  int64
	spans int
}

// NewBuilder returns a builder of the population of w as dialects explain it.
func NewBuilder(w Window, f Filter, dialects []analyzer.Dialect) *Builder {
	b := &Builder{
		window: w, filter: f, dialects: dialects,
		operations:   map[operationKey]*Operation{},
		codes:        map[string]uint32{},
		trace:        map[operationKey]pathTime{},
		experimental: map[string]bool{},
		attributes:   newAttributeSets(),
		details:      newDetails(),
		topology:     newTopology(),
		devices:      map[uint32]string{},
	}
	for i := range dialects {
		if !dialects[i].Verified {
			b.experimental[dialects[i].Name] = true
		}
	}
	return b
}

// Add takes in a trace if it belongs to the window: if one of its requests starts in it and passes the filter or, when
// it holds no request and nothing is filtered, if its earliest root does.
func (b *Builder) Add(t *analyzer.Trace) {
	roots := t.Roots()
	if len(roots) == 0 {
		return
	}
	requests, turns := analyzer.Requests(t, b.dialects)
	b.batches.Add(t, requests, b.dialects) // a batch can begin before the window and share its steps with what is in it
	kept := 0
	for i := range requests {
		r := &requests[i]
		if b.window.reaches(r) && b.filter.keeps(t, r) {
			b.addBefore(r)
		}
		if b.window.Holds(r.Start) && b.filter.keeps(t, r) {
			if kept == 0 {
				b.look(t)
			}
			b.addRequest(t, r)
			kept++
		}
	}
	if kept == 0 && (len(requests) > 0 || b.filter.any() || !b.window.Holds(t.Spans[roots[0]].Start)) {
		return
	}
	if kept == 0 {
		b.look(t)
	}
	p := &b.population
	p.Traces++
	if len(requests) == 0 {
		p.Plain++
		b.addBystanders(t, roots)
	}
	p.Spans += len(t.Spans)
	for _, turn := range turns {
		if b.window.Holds(turn.Start) {
			p.Turns++
			b.addTurn(t, &turn)
		}
	}
	for _, root := range roots {
		s := &t.Spans[root]
		p.extend(s.Start, max(s.Start, s.End))
	}
	b.addPath(t)
	b.topology.add(t)
}

func (p *Population) extend(first, last int64) {
	if p.First == 0 || first < p.First {
		p.First = first
	}
	p.Last = max(p.Last, last)
}

func (b *Builder) addRequest(t *analyzer.Trace, r *analyzer.Request) {
	doubts := b.survey.doubts | doubtsOf(r.Warnings)
	b.population.Warnings.Merge(r.Warnings)
	if r.Instance == "" {
		doubts |= bitNoInstance
		b.population.Warnings.Add(WarnNoInstance, 1)
	}
	if b.experimental[r.Dialect] {
		doubts |= bitExperimental
		b.population.Warnings.Add(WarnExperimental, 1)
	}
	own := b.survey.span(t, r.ServerSpan)
	if own == nil {
		own = b.survey.span(t, r.SpanID)
	}
	if own != nil && own.DroppedAttributes > 0 {
		doubts |= bitCallCut
		b.population.Warnings.Add(WarnCallCut, 1)
	}
	b.seeDevice(t, r)
	phases, shown := b.phases(r)
	sent, accepted := lastHop(r)
	b.add(Record{
		TraceID: r.TraceID, SpanID: r.SpanID,
		Start: r.Start, End: r.End, FirstToken: r.FirstToken, LastToken: r.LastToken, Entered: r.Entered, Joined: joined(r),
		InputTokens: r.InputTokens, OutputTokens: r.OutputTokens, CachedTokens: r.CachedTokens, ReasoningTokens: r.ReasoningTokens, Sequences: r.Sequences,
		Probability: b.survey.probability(t, r), Doubts: doubts,
		Model: b.code(r.Model), Service: b.code(r.Service), Instance: b.code(r.Instance), Dialect: b.code(r.Dialect),
		PrefillInstance: b.code(r.PrefillInstance), Leg: r.Leg,
		Outcome: r.Outcome, Streaming: r.Streaming, Embedding: r.Operation == operationEmbeddings,
		chunksAreSteps: r.ChunksAreSteps, gaps: b.gaps(r),
		phases: phases, shown: shown, sent: sent, Accepted: accepted, answered: wayBack(r), attributes: b.attributesOf(t, r), Retried: r.Attempts > 1,
	})
}

// blockSize is how many records are allocated at once. Records are never moved while traces come in: a slice that
// grows would hold them twice, just when there are most of them.
const blockSize = 4096

func (b *Builder) add(r Record) {
	last := len(b.blocks) - 1
	if last < 0 || len(b.blocks[last]) == blockSize {
		b.blocks = append(b.blocks, make([]Record, 0, blockSize))
		last++
	}
	b.blocks[last] = append(b.blocks[last], r)
}

// records returns all records in one slice and lets the blocks go on the way.
func (b *Builder) records() []Record {
	n := 0
	for _, block := range b.blocks {
		n += len(block)
	}
	all := make([]Record, 0, n)
	for i, block := range b.blocks {
		all = append(all, block...)
		b.blocks[i] = nil
	}
	b.blocks = nil
	return all
}

func (b *Builder) code(s string) uint32 {
	code, ok := b.codes[s]
	if !ok {
		code = uint32(len(b.texts))
		b.codes[s] = code
		b.texts = append(b.texts, s)
	}
	return code
}

func (b *Builder) addPath(t *analyzer.Trace) {
	clear(b.trace)
	b.onPath = append(b.onPath[:0], make([]bool, len(t.Spans))...)
	for _, iv := range t.CriticalPath() {
		s := &t.Spans[iv.Span]
		key := operationKey{s.Service(), s.Name}
		pt := b.trace[key]
		pt.self += iv.End - iv.Start
		if !b.onPath[iv.Span] {
			b.onPath[iv.Span] = true
			pt.spans++
		}
		b.trace[key] = pt
	}
	for key, pt := range b.trace {
		b.population.PathTime += pt.self
		op := b.operations[key]
		if op == nil {
			op = &Operation{Service: key.service, Name: key.name}
			b.operations[key] = op
		}
		op.Self += pt.self
		op.Spans += pt.spans
		op.Traces++
		op.slower(t.ID, pt.self)
	}
}

// slower keeps the slowest trace; the smaller id wins a tie, so that the order of traces does not matter.
func (op *Operation) slower(id analyzer.TraceID, self int64) {
	if self > op.SlowestSelf || self == op.SlowestSelf && (op.Slowest.IsZero() || id.Compare(op.Slowest) < 0) {
		op.Slowest, op.SlowestSelf = id, self
	}
}

// Merge adds what other collected, which must not be used any more.
func (b *Builder) Merge(other *Builder) {
	recode := make([]uint32, len(other.texts))
	for i, s := range other.texts {
		recode[i] = b.code(s)
	}
	sets := b.mergeAttributes(&other.attributes, recode)
	detail := b.mergeDetails(&other.details)
	for _, block := range slices.Concat(other.blocks, [][]Record{other.before}) {
		for i := range block {
			r := &block[i]
			r.Model, r.Service, r.Instance, r.Dialect = recode[r.Model], recode[r.Service], recode[r.Instance], recode[r.Dialect]
			r.PrefillInstance, r.attributes = recode[r.PrefillInstance], sets[r.attributes]
			for k := int(r.shown); k < len(r.phases); k++ {
				r.phases[k].detail = detail[r.phases[k].detail]
			}
		}
	}
	// This builder's last block, which may have room, stays the last.
	b.blocks = append(other.blocks, b.blocks...)
	b.before = append(b.before, other.before...)
	for key, op := range other.operations {
		mine := b.operations[key]
		if mine == nil {
			b.operations[key] = op
			continue
		}
		mine.Self += op.Self
		mine.Spans += op.Spans
		mine.Traces += op.Traces
		mine.slower(op.Slowest, op.SlowestSelf)
	}
	b.mergeBystanders(other.population.Bystanders, recode)
	b.batches.Merge(&other.batches)
	b.topology.merge(&other.topology)
	for instance, name := range other.devices {
		b.atDevice(recode[instance], name)
	}
	p, o := &b.population, &other.population
	p.PathTime += o.PathTime
	p.Traces += o.Traces
	p.Plain += o.Plain
	p.Spans += o.Spans
	p.Turns += o.Turns
	p.TurnRecords = append(p.TurnRecords, o.TurnRecords...)
	p.Warnings.Merge(o.Warnings)
	p.ClippedTime, p.DroppedTime = addCapped(p.ClippedTime, o.ClippedTime), addCapped(p.DroppedTime, o.DroppedTime)
	for i, n := range o.DoubtfulTraces {
		p.DoubtfulTraces[i] += n
	}
	if o.First != 0 {
		p.extend(o.First, o.Last)
	}
}

// Population returns what was collected. The builder must not be used any more.
func (b *Builder) Population() *Population {
	p := &b.population
	p.Before, p.since, p.devices = b.before, b.window.Since, b.devices
	p.Records, p.texts, p.Topology = b.records(), b.texts, b.topology.build()
	p.attributeSets, p.tooMany, p.details = b.attributes.sets, b.attributes.tooMany, b.details.names
	for i := range p.Records {
		r := &p.Records[i]
		r.BatchSize, _ = b.batches.Of(analyzer.SpanRef{TraceID: r.TraceID, SpanID: r.SpanID})
	}
	for _, list := range [...][]Record{p.Records, p.Before} {
		slices.SortFunc(list, func(x, y Record) int { return x.compare(&y) })
	}
	p.openDoors()
	sortBystanders(p.Bystanders)
	sortTurns(p.TurnRecords)
	p.Blocks = p.number(b.window.Until)
	p.Operations = make([]Operation, 0, len(b.operations))
	for _, op := range b.operations {
		p.Operations = append(p.Operations, *op)
	}
	slices.SortFunc(p.Operations, func(x, y Operation) int {
		return cmp.Or(cmp.Compare(y.Self, x.Self), cmp.Compare(x.Service, y.Service), cmp.Compare(x.Name, y.Name))
	})
	return p
}
