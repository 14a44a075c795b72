package ingest

import (
	"maps"
	"math"
	"slices"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/slowtoken/slowtoken/analyzer"
)

// Reasons for refusing one span while its neighbours are kept.
const (
	ReasonTraceID   = "trace id is missing or all zeros"
	ReasonSpanID    = "span id is missing or all zeros"
	ReasonTimeRange = "time is outside the years 1970 to 2262"
	ReasonKindRange = "span kind is no number from 0 to 255"
	ReasonCodeRange = "status code is no number from 0 to 255"
	ReasonNesting   = "attribute value is nested deeper than 64 levels"
)

// Refusals count what was refused, by reason.
type Refusals map[string]int

// Add counts n more for reason. The map is made on first use.
func (r *Refusals) Add(reason string, n int) {
	if n == 0 {
		return
	}
	if *r == nil {
		*r = Refusals{}
	}
	(*r)[reason] += n
}

// Total returns how many were refused.
func (r Refusals) Total() (n int) {
	for _, count := range r {
		n += count
	}
	return n
}

// Reasons returns the reasons in alphabetical order.
func (r Refusals) Reasons() []string { return slices.Sorted(maps.Keys(r)) }

// FromTraces converts every span of td; their order is td's. Strings are shared with td, which must not change
// afterwards; spans of one ResourceSpans share a Resource, those of one ScopeSpans a Scope. A span that has no identity
// or whose times do not fit is left out and counted.
func FromTraces(td ptrace.Traces) (spans []analyzer.Span, refused Refusals) {
	c := newTracesConverter(td)
	resources := td.ResourceSpans()
	for i := range resources.Len() {
		rs := resources.At(i)
		resource := &analyzer.Resource{
			Attributes:        c.attributes(rs.Resource().Attributes()),
			DroppedAttributes: rs.Resource().DroppedAttributesCount(),
			SchemaURL:         rs.SchemaUrl(),
		}
		resourceTooDeep := c.takeTooDeep()
		scopes := rs.ScopeSpans()
		for j := range scopes.Len() {
			ss := scopes.At(j)
			scope := c.scope(ss.Scope(), ss.SchemaUrl())
			list := ss.Spans()
			if sharedTooDeep := c.takeTooDeep() || resourceTooDeep; sharedTooDeep {
				c.refused.Add(ReasonNesting, list.Len())
				continue
			}
			for k := range list.Len() {
				c.span(list.At(k), resource, scope)
			}
		}
	}
	return c.spans, c.refused
}

// A tracesConverter cuts the slices of all spans of a batch from a few large ones: allocating them one by one costs
// more than everything else that the conversion does.
type tracesConverter struct {
	attributeSlab
	spans   []analyzer.Span
	events  []analyzer.Event
	links   []analyzer.Link
	refused Refusals
}

func newTracesConverter(td ptrace.Traces) *tracesConverter {
	var attributes, spans, events, links int
	resources := td.ResourceSpans()
	for i := range resources.Len() {
		rs := resources.At(i)
		attributes += rs.Resource().Attributes().Len()
		for j := range rs.ScopeSpans().Len() {
			ss := rs.ScopeSpans().At(j)
			attributes += ss.Scope().Attributes().Len()
			list := ss.Spans()
			spans += list.Len()
			for k := range list.Len() {
				s := list.At(k)
				attributes += s.Attributes().Len()
				events += s.Events().Len()
				links += s.Links().Len()
				for e := range s.Events().Len() {
					attributes += s.Events().At(e).Attributes().Len()
				}
				for l := range s.Links().Len() {
					attributes += s.Links().At(l).Attributes().Len()
				}
			}
		}
	}
	return &tracesConverter{
		attributeSlab: attributeSlab{list: make([]analyzer.Attribute, 0, attributes)},
		spans:         make([]analyzer.Span, 0, spans),
		events:        make([]analyzer.Event, 0, events),
		links:         make([]analyzer.Link, 0, links),
	}
}

func (c *tracesConverter) span(s ptrace.Span, resource *analyzer.Resource, scope *analyzer.Scope) {
	if reason := refusal(s); reason != "" {
		c.refused.Add(reason, 1)
		return
	}
	span := analyzer.Span{
		TraceID:           analyzer.TraceID(s.TraceID()),
		ID:                analyzer.SpanID(s.SpanID()),
		Parent:            analyzer.SpanID(s.ParentSpanID()),
		Start:             int64(s.StartTimestamp()),
		End:               int64(s.EndTimestamp()),
		Name:              s.Name(),
		Kind:              analyzer.SpanKind(s.Kind()),
		Status:            analyzer.StatusCode(s.Status().Code()),
		StatusMessage:     s.Status().Message(),
		TraceState:        s.TraceState().AsRaw(),
		Flags:             s.Flags(),
		Attributes:        c.attributes(s.Attributes()),
		Events:            c.spanEvents(s.Events()),
		Links:             c.spanLinks(s.Links()),
		DroppedAttributes: s.DroppedAttributesCount(),
		DroppedEvents:     s.DroppedEventsCount(),
		DroppedLinks:      s.DroppedLinksCount(),
		Resource:          resource,
		Scope:             scope,
	}
	if c.takeTooDeep() {
		c.refused.Add(ReasonNesting, 1)
		return
	}
	c.spans = append(c.spans, span)
}

// refusal says why s cannot be kept; "" when it can.
func refusal(s ptrace.Span) string {
	switch {
	case s.TraceID().IsEmpty():
		return ReasonTraceID
	case s.SpanID().IsEmpty():
		return ReasonSpanID
	case s.StartTimestamp() > math.MaxInt64 || s.EndTimestamp() > math.MaxInt64:
		return ReasonTimeRange
	case s.Kind() < 0 || s.Kind() > math.MaxUint8:
		return ReasonKindRange
	case s.Status().Code() < 0 || s.Status().Code() > math.MaxUint8:
		return ReasonCodeRange
	}
	return ""
}

func (c *tracesConverter) spanEvents(list ptrace.SpanEventSlice) []analyzer.Event {
	if list.Len() == 0 {
		return nil
	}
	from := len(c.events)
	for i := range list.Len() {
		e := list.At(i)
		c.events = append(c.events, analyzer.Event{
			Time:              int64(e.Timestamp()),
			Name:              e.Name(),
			Attributes:        c.attributes(e.Attributes()),
			DroppedAttributes: e.DroppedAttributesCount(),
		})
	}
	return c.events[from:len(c.events):len(c.events)]
}

func (c *tracesConverter) spanLinks(list ptrace.SpanLinkSlice) []analyzer.Link {
	if list.Len() == 0 {
		return nil
	}
	from := len(c.links)
	for i := range list.Len() {
		l := list.At(i)
		c.links = append(c.links, analyzer.Link{
			TraceID:           analyzer.TraceID(l.TraceID()),
			SpanID:            analyzer.SpanID(l.SpanID()),
			TraceState:        l.TraceState().AsRaw(),
			Flags:             l.Flags(),
			Attributes:        c.attributes(l.Attributes()),
			DroppedAttributes: l.DroppedAttributesCount(),
		})
	}
	return c.links[from:len(c.links):len(c.links)]
}

// An attributeSlab is the storage that attributes of one batch are cut from.
type attributeSlab struct {
	list    []analyzer.Attribute
	tooDeep bool // a value nested deeper than MaxValueDepth was met and cut there
}

// takeTooDeep reports whether a value was too deep since the last call.
func (a *attributeSlab) takeTooDeep() bool {
	was := a.tooDeep
	a.tooDeep = false
	return was
}

func (a *attributeSlab) attributes(m pcommon.Map) analyzer.Attributes { return a.nested(m, 0) }

func (a *attributeSlab) nested(m pcommon.Map, depth int) analyzer.Attributes {
	n := m.Len()
	if n == 0 {
		return nil
	}
	from := len(a.list)
	a.list = slices.Grow(a.list, n)
	for key, value := range m.All() {
		a.list = append(a.list, analyzer.Attribute{Key: key, Value: a.value(value, depth)})
	}
	return analyzer.Attributes(a.list[from : from+n : from+n])
}

func (a *attributeSlab) value(v pcommon.Value, depth int) analyzer.Value {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return analyzer.String(v.Str())
	case pcommon.ValueTypeBool:
		return analyzer.Bool(v.Bool())
	case pcommon.ValueTypeInt:
		return analyzer.Int(v.Int())
	case pcommon.ValueTypeDouble:
		return analyzer.Double(v.Double())
	case pcommon.ValueTypeBytes:
		return analyzer.Bytes(v.Bytes().AsRaw())
	case pcommon.ValueTypeSlice:
		if depth+1 >= MaxValueDepth { // its items would be one level deeper
			a.tooDeep = true
			return analyzer.Value{}
		}
		list := make([]analyzer.Value, v.Slice().Len())
		for i := range list {
			list[i] = a.value(v.Slice().At(i), depth+1)
		}
		return analyzer.Array(list)
	case pcommon.ValueTypeMap:
		if depth+1 >= MaxValueDepth { // its items would be one level deeper
			a.tooDeep = true
			return analyzer.Value{}
		}
		var own attributeSlab
		nested := own.nested(v.Map(), depth+1)
		a.tooDeep = a.tooDeep || own.tooDeep
		return analyzer.Map(nested)
	}
	return analyzer.Value{}
}

func (a *attributeSlab) scope(s pcommon.InstrumentationScope, schemaURL string) *analyzer.Scope {
	return &analyzer.Scope{
		Name:              s.Name(),
		Version:           s.Version(),
		Attributes:        a.attributes(s.Attributes()),
		DroppedAttributes: s.DroppedAttributesCount(),
		SchemaURL:         schemaURL,
	}
}
