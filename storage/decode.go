package storage

import (
	"fmt"

	"github.com/slowtoken/slowtoken/analyzer"
)

// Columns says how much of each span a query returns.
type Columns uint8

const (
	// AnalysisColumns: the span with only those attributes whose keys are in [analyzer.HotAttributes] or
	// [analyzer.AnalysisKeys], in the order received and of whatever type. It is what analysis needs, several times
	// faster than AllColumns.
	AnalysisColumns Columns = iota

	// AllColumns: the span exactly as it was inserted.
	AllColumns
)

// Positions of the columns that every read selects. The hot columns that spans use follow, then, when all attributes are
// wanted, listColumns.
const (
	colTraceID = iota
	colSpanID
	colParentID
	colStart
	colDuration
	colName
	colKind
	colStatus
	colTraceState
	colResource
	colScope
	colShape
	colEvents
	colLinks
	colReceived
	colMessage
	colFlags
	colDroppedAttributes
	colDroppedEvents
	colDroppedLinks
)

var baseColumns = []string{
	"trace_id", "span_id", "parent_id", "start_ns", "duration_ns", "name", "kind", "status", "trace_state", "resource_id",
	"scope_id", "shape_id", "events", "links", "received_at", "status_message", "flags", "dropped_attributes",
	"dropped_events", "dropped_links",
}

var listColumns = []string{"attr_strings", "attr_ints", "attr_doubles", "attr_bytes"}

// A layout is what one read selects.
type layout struct {
	view    catalogView
	hot     []hotColumn
	hotAt   []int // where each hot column is in the chunk; -1 when it is not selected
	totalAt int   // where trace_spans is; -1 when it is not selected
	all     bool  // all attributes are there
	wanted  bool  // hand out only the attributes that analysis reads
	columns []string
}

// newLayout selects columns. Hot columns that no span uses are left out: most stacks speak one or two dialects.
// With totals, each span comes with the number of spans of its trace.
func newLayout(view catalogView, hot []hotColumn, all, wanted, totals bool) *layout {
	l := &layout{view: view, hot: hot, all: all, wanted: wanted, totalAt: -1, columns: append([]string{}, baseColumns...)}
	if totals {
		l.totalAt = len(l.columns)
		l.columns = append(l.columns, "trace_spans")
	}
	used := make([]bool, len(hot))
	for _, s := range view.shapes {
		for _, p := range s.places {
			if p.slot == slotHot {
				used[p.hot] = true
			}
		}
	}
	l.hotAt = make([]int, len(hot))
	for i := range hot {
		l.hotAt[i] = -1
		if used[i] {
			l.hotAt[i] = len(l.columns)
			l.columns = append(l.columns, hot[i].column)
		}
	}
	if all {
		l.columns = append(l.columns, listColumns...)
	}
	return l
}

// A decoder turns chunks into spans. It is used by one goroutine.
type decoder struct {
	*layout
	texts []*interner // by column
	cols  []column
	attrs []analyzer.Attribute // what the open chunk's spans share
}

func newDecoder(l *layout) *decoder {
	d := &decoder{layout: l, texts: make([]*interner, len(l.columns))}
	for i := range d.texts {
		d.texts[i] = newInterner()
	}
	return d
}

// A batch is the spans of one chunk, and for each, if the layout asks for it, how many its trace has.
type batch struct {
	spans  []analyzer.Span
	totals []uint32
	err    error
}

func (d *decoder) decode(ch chunk) batch {
	spans, err := d.spans(ch)
	b := batch{spans: spans, err: err}
	if d.totalAt >= 0 && err == nil {
		b.totals = make([]uint32, len(spans))
		for row := range spans {
			b.totals[row] = at[uint32](d.cols[d.totalAt], row)
		}
	}
	return b
}

func (d *decoder) spans(ch chunk) ([]analyzer.Span, error) {
	d.cols = d.cols[:0]
	for i := range d.columns {
		d.cols = append(d.cols, ch.column(i))
	}
	spans := make([]analyzer.Span, ch.rows)
	d.attrs = make([]analyzer.Attribute, 0, 2*ch.rows)
	var lists attributeLists
	if d.all {
		lists = newAttributeLists(d.cols[len(d.cols)-len(listColumns):])
	}
	for row := range spans {
		s := &spans[row]
		d.base(s, row)
		if err := d.attributes(s, row, &lists); err != nil {
			return nil, fmt.Errorf("read span %s of trace %s: %w", s.ID, s.TraceID, err)
		}
	}
	if err := d.events(spans); err != nil {
		return nil, err
	}
	return spans, d.links(spans)
}

func (d *decoder) base(s *analyzer.Span, row int) {
	id := at[[2]uint64](d.cols[colTraceID], row)
	s.TraceID = traceIDOf(id[0], int64(id[1]))
	s.ID = spanIDOf(at[uint64](d.cols[colSpanID], row))
	if !d.cols[colParentID].null(row) {
		s.Parent = spanIDOf(at[uint64](d.cols[colParentID], row))
	}
	s.Start = at[int64](d.cols[colStart], row)
	s.End = s.Start + at[int64](d.cols[colDuration], row)
	s.Name = d.text(colName, row)
	s.Kind = analyzer.SpanKind(at[uint8](d.cols[colKind], row))
	s.Status = analyzer.StatusCode(at[uint8](d.cols[colStatus], row))
	s.TraceState = d.text(colTraceState, row)
	if !d.cols[colResource].null(row) {
		s.Resource = d.view.resources[at[uint32](d.cols[colResource], row)]
	}
	if !d.cols[colScope].null(row) {
		s.Scope = d.view.scopes[at[uint32](d.cols[colScope], row)]
	}
	s.ReceivedAt = at[int64](d.cols[colReceived], row)
	s.StatusMessage = d.text(colMessage, row)
	s.Flags = at[uint32](d.cols[colFlags], row)
	s.DroppedAttributes = at[uint32](d.cols[colDroppedAttributes], row)
	s.DroppedEvents = at[uint32](d.cols[colDroppedEvents], row)
	s.DroppedLinks = at[uint32](d.cols[colDroppedLinks], row)
}

// text reads a string of a column in which few strings are common.
func (d *decoder) text(col, row int) string {
	if d.cols[col].null(row) {
		return ""
	}
	return d.texts[col].text(d.cols[col].bytes(row))
}

// attributes reads the span's attributes: those in hot columns, or all of them.
func (d *decoder) attributes(s *analyzer.Span, row int, lists *attributeLists) error {
	sh := d.view.shapes[at[uint32](d.cols[colShape], row)]
	from := len(d.attrs)
	if d.all {
		lists.open(row)
	}
	for i := range sh.places {
		p := &sh.places[i]
		switch {
		case p.slot == slotHot:
			d.attrs = append(d.attrs, analyzer.Attribute{Key: p.key, Value: d.hotValue(p.hot, row)})
		case p.slot == slotAll && d.all:
			attrs, err := lists.whole()
			if err != nil {
				return err
			}
			for _, a := range attrs {
				if !d.wanted || wantedKeys[a.Key] {
					d.attrs = append(d.attrs, a)
				}
			}
		case d.all:
			v, err := lists.value(p.slot)
			if err != nil {
				return fmt.Errorf("attribute %s: %w", p.key, err)
			}
			if !d.wanted || p.wanted {
				d.attrs = append(d.attrs, analyzer.Attribute{Key: p.key, Value: v})
			}
		}
	}
	if n := len(d.attrs); n > from {
		s.Attributes = d.attrs[from:n:n]
	}
	return nil
}

func (d *decoder) hotValue(hot, row int) analyzer.Value {
	i := d.hotAt[hot]
	switch d.hot[hot].Kind {
	case analyzer.KindInt:
		return analyzer.Int(at[int64](d.cols[i], row))
	case analyzer.KindDouble:
		return analyzer.Double(at[float64](d.cols[i], row))
	case analyzer.KindBool:
		return analyzer.Bool(at[bool](d.cols[i], row))
	}
	return analyzer.String(d.text(i, row))
}

func (d *decoder) events(spans []analyzer.Span) error {
	col := d.cols[colEvents]
	items := col.items()
	times, names, attrs, dropped := items.field(0), items.field(1), items.field(2), items.field(3)
	for row := range spans {
		from, to := col.list(row)
		if from == to {
			continue
		}
		events := make([]analyzer.Event, 0, to-from)
		for i := from; i < to; i++ {
			a, err := parseTypedMap(attrs.text(i))
			if err != nil {
				return fmt.Errorf("read the events of span %s of trace %s: %w", spans[row].ID, spans[row].TraceID, err)
			}
			events = append(events, analyzer.Event{
				Time: at[int64](times, i), Name: d.texts[colEvents].text(names.bytes(i)), Attributes: a,
				DroppedAttributes: at[uint32](dropped, i),
			})
		}
		spans[row].Events = events
	}
	return nil
}

func (d *decoder) links(spans []analyzer.Span) error {
	col := d.cols[colLinks]
	items := col.items()
	traces, ids, states, flags, attrs, dropped := items.field(0), items.field(1), items.field(2), items.field(3), items.field(4), items.field(5)
	for row := range spans {
		from, to := col.list(row)
		if from == to {
			continue
		}
		links := make([]analyzer.Link, 0, to-from)
		for i := from; i < to; i++ {
			a, err := parseTypedMap(attrs.text(i))
			if err != nil {
				return fmt.Errorf("read the links of span %s of trace %s: %w", spans[row].ID, spans[row].TraceID, err)
			}
			id := at[[2]uint64](traces, i)
			links = append(links, analyzer.Link{
				TraceID: traceIDOf(id[0], int64(id[1])), SpanID: spanIDOf(at[uint64](ids, i)), TraceState: states.text(i),
				Flags: at[uint32](flags, i), Attributes: a, DroppedAttributes: at[uint32](dropped, i),
			})
		}
		spans[row].Links = links
	}
	return nil
}
