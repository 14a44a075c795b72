package ingest

import (
	"bytes"
	"fmt"
	"math"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/slowtoken/slowtoken/analyzer"
)

// everyField returns traces in which every field that OTLP's spans have holds something.
func everyField() ptrace.Traces {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.SetSchemaUrl("https://example.com/resource")
	rs.Resource().SetDroppedAttributesCount(1)
	everyValue(rs.Resource().Attributes())
	ss := rs.ScopeSpans().AppendEmpty()
	ss.SetSchemaUrl("https://example.com/scope")
	ss.Scope().SetName("scope")
	ss.Scope().SetVersion("v1.2.3")
	ss.Scope().SetDroppedAttributesCount(2)
	everyValue(ss.Scope().Attributes())
	s := ss.Spans().AppendEmpty()
	s.SetTraceID(pcommon.TraceID{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16})
	s.SetSpanID(pcommon.SpanID{1, 2, 3, 4, 5, 6, 7, 8})
	s.SetParentSpanID(pcommon.SpanID{8, 7, 6, 5, 4, 3, 2, 1})
	s.TraceState().FromRaw("ot=th:c")
	s.SetFlags(0x301)
	s.SetName("chat llama")
	s.SetKind(ptrace.SpanKindConsumer)
	s.SetStartTimestamp(1_700_000_000_000_000_001)
	s.SetEndTimestamp(1_700_000_000_000_000_009)
	s.SetDroppedAttributesCount(3)
	s.SetDroppedEventsCount(4)
	s.SetDroppedLinksCount(5)
	s.Status().SetCode(ptrace.StatusCodeError)
	s.Status().SetMessage("out of memory")
	everyValue(s.Attributes())
	e := s.Events().AppendEmpty()
	e.SetTimestamp(1_700_000_000_000_000_005)
	e.SetName("first token")
	e.SetDroppedAttributesCount(6)
	everyValue(e.Attributes())
	l := s.Links().AppendEmpty()
	l.SetTraceID(pcommon.TraceID{9})
	l.SetSpanID(pcommon.SpanID{10})
	l.TraceState().FromRaw("ot=th:8")
	l.SetFlags(0x100)
	l.SetDroppedAttributesCount(7)
	everyValue(l.Attributes())
	return td
}

func everyValue(m pcommon.Map) {
	m.PutStr("string", "a\x00\"é")
	m.PutStr("empty string", "")
	m.PutBool("true", true)
	m.PutBool("false", false)
	m.PutInt("int", math.MinInt64)
	m.PutDouble("double", math.Inf(-1))
	m.PutDouble("nan", math.Float64frombits(0x7ff8000000000abc))
	m.PutEmptyBytes("bytes").FromRaw([]byte{0, 255, 128})
	m.PutEmptyBytes("no bytes")
	m.PutEmpty("empty")
	list := m.PutEmptySlice("list")
	list.AppendEmpty().SetStr("mixed")
	list.AppendEmpty().SetEmptySlice().AppendEmpty().SetInt(7)
	m.PutEmptySlice("empty list")
	nested := m.PutEmptyMap("map")
	nested.PutEmptyMap("deeper").PutDouble("half", 0.5)
	nested.PutEmptyMap("empty map")
}

// unreachable lists fields of OTLP messages that pdata keeps to itself: no public method reads or writes them, or they
// belong to profiles.
var unreachable = map[string]bool{
	"ResourceSpans.DeprecatedScopeSpans":     true, // moved into ScopeSpans while decoding
	"ResourceMetrics.DeprecatedScopeMetrics": true, // likewise
	"Resource.EntityRefs":                    true, // names of attributes that the resource has anyway
	"KeyValue.KeyStrindex":                   true, // profiles only
}

func TestConversionKeepsEveryField(t *testing.T) {
	td := everyField()
	requireFieldsSet(t, reflect.ValueOf(td).FieldByName("orig"), "everyField()", 40)
	want := marshal(t, td)
	spans, refused := FromTraces(td)
	if len(spans) != 1 || refused.Total() != 0 {
		t.Fatalf("got %d spans, refused %v; want 1 span, none refused", len(spans), refused)
	}
	requireNoZeroField(t, "Span", reflect.ValueOf(spans[0]), map[string]bool{"Span.ReceivedAt": true})
	if diff := cmp.Diff(want, marshal(t, ToTraces(spans))); diff != "" {
		t.Errorf("a span changed on its way through analyzer.Span (-before +after):\n%s", diff)
	}
}

// requireFieldsSet walks OTLP's messages as pdata has them, so that a field that a later version adds fails the test
// until the conversion carries it.
func requireFieldsSet(t *testing.T, messages reflect.Value, fixture string, atLeast int) {
	t.Helper()
	seen, zero := map[string]bool{}, map[string]bool{}
	var walk func(v reflect.Value)
	walk = func(v reflect.Value) {
		switch v.Kind() {
		case reflect.Pointer, reflect.Interface:
			if !v.IsNil() {
				walk(v.Elem())
			}
		case reflect.Slice:
			if v.Type().Elem().Kind() != reflect.Uint8 {
				for i := range v.Len() {
					walk(v.Index(i))
				}
			}
		case reflect.Struct:
			for i := range v.NumField() {
				name := v.Type().Name() + "." + v.Type().Field(i).Name
				if !v.Field(i).IsZero() {
					seen[name] = true
				} else if !unreachable[name] {
					zero[name] = true
				}
				walk(v.Field(i))
			}
		}
	}
	walk(messages)
	for name := range zero {
		if !seen[name] {
			t.Errorf("OTLP's field %s is empty in %s: fill it, and see that the conversion keeps it", name, fixture)
		}
	}
	if len(seen) < atLeast {
		t.Fatalf("walked only %d fields of OTLP's messages: pdata's layout changed, mend this walk", len(seen))
	}
}

func requireNoZeroField(t *testing.T, name string, v reflect.Value, except map[string]bool) {
	t.Helper()
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if v.IsZero() && !except[name] {
		t.Errorf("%s is zero after the conversion", name)
	}
	switch {
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Struct && v.Type() != reflect.TypeFor[analyzer.Attributes]():
		for i := range v.Len() {
			requireNoZeroField(t, fmt.Sprintf("%s[%d]", name, i), v.Index(i), except)
		}
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			requireNoZeroField(t, name+"."+v.Type().Field(i).Name, v.Field(i), except)
		}
	}
}

func TestConversionKeepsRepeatedKeys(t *testing.T) {
	spans, _ := FromTraces(everyField())
	spans[0].Attributes = analyzer.Attributes{
		{Key: "k", Value: analyzer.Int(1)},
		{Key: "other", Value: analyzer.String("x")},
		{Key: "k", Value: analyzer.Map(analyzer.Attributes{
			{Key: "n", Value: analyzer.Bool(true)}, {Key: "n", Value: analyzer.Value{}},
		})},
	}
	back, _ := FromTraces(ToTraces(spans))
	if len(back) != 1 || !back[0].Equal(&spans[0]) {
		t.Errorf("got %+v\nwant %+v", back, spans)
	}
}

func TestConversionSharesResourcesAndScopes(t *testing.T) {
	td := ptrace.NewTraces()
	for range 2 {
		rs := td.ResourceSpans().AppendEmpty()
		rs.Resource().Attributes().PutStr("service.name", "same")
		for range 2 {
			ss := rs.ScopeSpans().AppendEmpty()
			for range 2 {
				s := ss.Spans().AppendEmpty()
				s.SetTraceID(pcommon.TraceID{1})
				s.SetSpanID(pcommon.SpanID{1})
			}
		}
	}
	spans, _ := FromTraces(td)
	resources, scopes := map[*analyzer.Resource]int{}, map[*analyzer.Scope]int{}
	for _, s := range spans {
		resources[s.Resource]++
		scopes[s.Scope]++
	}
	if len(spans) != 8 || len(resources) != 2 || len(scopes) != 4 {
		t.Errorf("got %d spans, %d resources, %d scopes; want 8, 2, 4", len(spans), len(resources), len(scopes))
	}
	if !bytes.Equal(marshal(t, td), marshal(t, ToTraces(spans))) {
		t.Error("the grouping changed on the way there and back")
	}
}

func TestBadSpansAreRefusedOneByOne(t *testing.T) {
	deep := func(v pcommon.Value, levels int) {
		for range levels {
			v = v.SetEmptySlice().AppendEmpty()
		}
		v.SetInt(1)
	}
	for _, c := range []struct {
		name   string
		spoil  func(ptrace.Span)
		reason string
	}{
		{"no trace id", func(s ptrace.Span) { s.SetTraceID(pcommon.TraceID{}) }, ReasonTraceID},
		{"no span id", func(s ptrace.Span) { s.SetSpanID(pcommon.SpanID{}) }, ReasonSpanID},
		{"start too late", func(s ptrace.Span) { s.SetStartTimestamp(math.MaxInt64 + 1) }, ReasonTimeRange},
		{"end too late", func(s ptrace.Span) { s.SetEndTimestamp(math.MaxUint64) }, ReasonTimeRange},
		{"last time that fits", func(s ptrace.Span) { s.SetEndTimestamp(math.MaxInt64) }, ""},
		{"end before start", func(s ptrace.Span) { s.SetEndTimestamp(1) }, ""},
		{"kind below zero", func(s ptrace.Span) { s.SetKind(-1) }, ReasonKindRange},
		{"kind of a later version", func(s ptrace.Span) { s.SetKind(9) }, ""},
		{"kind too large", func(s ptrace.Span) { s.SetKind(256) }, ReasonKindRange},
		{"status too large", func(s ptrace.Span) { s.Status().SetCode(1000) }, ReasonCodeRange},
		{"64 levels", func(s ptrace.Span) { deep(s.Attributes().PutEmpty("deep"), MaxValueDepth-1) }, ""},
		{"65 levels", func(s ptrace.Span) { deep(s.Attributes().PutEmpty("deep"), MaxValueDepth) }, ReasonNesting},
		{"65 levels in an event", func(s ptrace.Span) {
			deep(s.Events().At(0).Attributes().PutEmpty("deep"), MaxValueDepth)
		}, ReasonNesting},
	} {
		t.Run(c.name, func(t *testing.T) {
			td := everyField()
			list := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans()
			list.At(0).CopyTo(list.AppendEmpty())
			c.spoil(list.At(0))
			spans, refused := FromTraces(td)
			want := Refusals(nil)
			if c.reason != "" {
				want = Refusals{c.reason: 1}
			}
			if diff := cmp.Diff(want, refused); diff != "" {
				t.Errorf("refusals (-want +got):\n%s", diff)
			}
			if len(spans) != 2-want.Total() {
				t.Errorf("got %d spans, want the good ones: %d", len(spans), 2-want.Total())
			}
		})
	}
}

func marshal(t testing.TB, td ptrace.Traces) []byte {
	t.Helper()
	wire, err := new(ptrace.ProtoMarshaler).MarshalTraces(td)
	if err != nil {
		t.Fatal(err)
	}
	return wire
}

func BenchmarkFromTraces(b *testing.B) {
	td := generate(100, 8, 12)
	b.ReportAllocs()
	for b.Loop() {
		if spans, _ := FromTraces(td); len(spans) != 800 {
			b.Fatalf("got %d spans", len(spans))
		}
	}
	b.ReportMetric(float64(800*b.N)/b.Elapsed().Seconds(), "spans/s")
}
