package ingest

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// nestedRequest builds a trace request of about size bytes that is one attribute value of arrays in arrays.
func nestedRequest(size int) []byte {
	var backwards []byte
	wrap := func(field byte) {
		length := binary.AppendUvarint(nil, uint64(len(backwards)))
		slices.Reverse(length)
		backwards = append(append(backwards, length...), field<<3|2)
	}
	for len(backwards) < size {
		wrap(1) // ArrayValue.values
		wrap(5) // AnyValue.array_value
	}
	for _, field := range []byte{2, 9, 2, 2, 1} { // KeyValue.value, Span.attributes, spans, scope_spans, resource_spans
		wrap(field)
	}
	slices.Reverse(backwards)
	return backwards
}

// nest makes v hold maps and arrays in turn, depth values above each other, v itself included.
func nest(v pcommon.Value, depth int) {
	for i := 1; i < depth; i++ {
		if i%2 == 0 {
			v = v.SetEmptySlice().AppendEmpty()
		} else {
			v = v.SetEmptyMap().PutEmpty("k")
		}
	}
	v.SetInt(1)
}

// A place is a message with a value in one of the places of OTLP where one can stand.
type place struct {
	signal      signal
	proto, json []byte
}

// places builds a message for each place, by name; its value has depth levels.
func places(depth int) map[string]place {
	put := func(m pcommon.Map) { nest(m.PutEmpty("key"), depth) }
	out := map[string]place{}
	trace := func(name string, build func(ptrace.ResourceSpans)) {
		td := ptrace.NewTraces()
		build(td.ResourceSpans().AppendEmpty())
		p, _ := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
		j, _ := (&ptrace.JSONMarshaler{}).MarshalTraces(td)
		out[name] = place{traces, p, j}
	}
	span := func(rs ptrace.ResourceSpans) ptrace.Span { return rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty() }
	trace("resource", func(rs ptrace.ResourceSpans) { put(rs.Resource().Attributes()) })
	trace("scope", func(rs ptrace.ResourceSpans) { put(rs.ScopeSpans().AppendEmpty().Scope().Attributes()) })
	trace("span", func(rs ptrace.ResourceSpans) { put(span(rs).Attributes()) })
	trace("event", func(rs ptrace.ResourceSpans) { put(span(rs).Events().AppendEmpty().Attributes()) })
	trace("link", func(rs ptrace.ResourceSpans) { put(span(rs).Links().AppendEmpty().Attributes()) })

	metric := func(name string, build func(pmetric.Metric)) {
		md := pmetric.NewMetrics()
		build(md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty())
		p, _ := (&pmetric.ProtoMarshaler{}).MarshalMetrics(md)
		j, _ := (&pmetric.JSONMarshaler{}).MarshalMetrics(md)
		out[name] = place{metrics, p, j}
	}
	metric("metric metadata", func(m pmetric.Metric) { put(m.Metadata()) })
	metric("gauge", func(m pmetric.Metric) { put(m.SetEmptyGauge().DataPoints().AppendEmpty().Attributes()) })
	metric("gauge exemplar", func(m pmetric.Metric) {
		put(m.SetEmptyGauge().DataPoints().AppendEmpty().Exemplars().AppendEmpty().FilteredAttributes())
	})
	metric("sum", func(m pmetric.Metric) { put(m.SetEmptySum().DataPoints().AppendEmpty().Attributes()) })
	metric("histogram", func(m pmetric.Metric) { put(m.SetEmptyHistogram().DataPoints().AppendEmpty().Attributes()) })
	metric("histogram exemplar", func(m pmetric.Metric) {
		put(m.SetEmptyHistogram().DataPoints().AppendEmpty().Exemplars().AppendEmpty().FilteredAttributes())
	})
	metric("exponential histogram", func(m pmetric.Metric) {
		put(m.SetEmptyExponentialHistogram().DataPoints().AppendEmpty().Attributes())
	})
	metric("exponential histogram exemplar", func(m pmetric.Metric) {
		put(m.SetEmptyExponentialHistogram().DataPoints().AppendEmpty().Exemplars().AppendEmpty().FilteredAttributes())
	})
	metric("summary", func(m pmetric.Metric) { put(m.SetEmptySummary().DataPoints().AppendEmpty().Attributes()) })

	record := func(name string, build func(plog.LogRecord)) {
		ld := plog.NewLogs()
		build(ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty())
		p, _ := (&plog.ProtoMarshaler{}).MarshalLogs(ld)
		j, _ := (&plog.JSONMarshaler{}).MarshalLogs(ld)
		out[name] = place{logs, p, j}
	}
	record("log body", func(r plog.LogRecord) { nest(r.Body(), depth) })
	record("log attributes", func(r plog.LogRecord) { put(r.Attributes()) })
	return out
}

func TestADeepValueCostsItsSpanAlone(t *testing.T) {
	sink := &memorySink{}
	s := startServer(t, ServerConfig{}, sink)
	td := spansNamed("flat", "deep")
	nest(td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(1).Attributes().PutEmpty("deep"), maxDecodeDepth)
	response, err := dial(t, s.Info().GRPC).Export(t.Context(), request(td))
	if err != nil {
		t.Fatal(err)
	}
	if got := response.PartialSuccess(); got.RejectedSpans() != 1 || !strings.Contains(got.ErrorMessage(), ReasonNesting) {
		t.Errorf("the sender hears of %d refused spans: %q", got.RejectedSpans(), got.ErrorMessage())
	}
	wantNames(t, sink, "flat")
}

func TestDepthIsLimitedWhereverAValueStands(t *testing.T) {
	for name, message := range places(maxDecodeDepth) {
		for _, sig := range []signal{message.signal, anySignal} {
			if _, err := checkProto(message.proto, sig); err != nil {
				t.Errorf("%s: %d levels are refused: %v", name, maxDecodeDepth, err)
			}
		}
		if _, err := checkJSON(message.json, message.signal); err != nil {
			t.Errorf("%s: %d levels of JSON are refused: %v", name, maxDecodeDepth, err)
		}
	}
	for name, message := range places(maxDecodeDepth + 1) {
		for _, sig := range []signal{message.signal, anySignal} {
			if _, err := checkProto(message.proto, sig); err == nil {
				t.Errorf("%s: %d levels pass", name, maxDecodeDepth+1)
			}
		}
	}
	for name, message := range places(2 * maxDecodeDepth) {
		if _, err := checkJSON(message.json, message.signal); err == nil {
			t.Errorf("%s: %d levels of JSON pass", name, 2*maxDecodeDepth)
		}
	}
}

// TestTheCheckReadsTagsAsTheDecoderDoes: the decoder cuts field numbers to 32 bits and ignores the bits of a varint
// beyond the 64th. A check that is stricter with tags than the decoder can be passed by.
func TestTheCheckReadsTagsAsTheDecoderDoes(t *testing.T) {
	for name, tag := range map[string][]byte{
		"field number plus 2^32": binary.AppendUvarint(nil, (1<<32+5)<<3|2),
		"bits beyond the 64th":   {5<<3 | 2 | 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7e},
	} {
		var value []byte // AnyValue{array_value} under the disguised tag, in itself
		for range maxDecodeDepth + 1 {
			array := append(binary.AppendUvarint([]byte{1<<3 | 2}, uint64(len(value))), value...)
			value = append(binary.AppendUvarint(slices.Clone(tag), uint64(len(array))), array...)
		}
		message := value
		for _, field := range []byte{2, 9, 2, 2, 1} {
			message = append(binary.AppendUvarint([]byte{field<<3 | 2}, uint64(len(message))), message...)
		}
		td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(message)
		if err != nil {
			t.Fatalf("%s: the decoder refuses the message, so it shows nothing: %v", name, err)
		}
		value0, ok := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes().Get("")
		if !ok || value0.Type() != pcommon.ValueTypeSlice {
			t.Fatalf("%s: the decoder does not see an array, so the message shows nothing", name)
		}
		if _, err := checkProto(message, traces); err == nil {
			t.Errorf("%s: passes the check", name)
		}
	}
}

func TestEmptyRecordsInOneMessageAreLimited(t *testing.T) {
	spans := strings.Repeat("\x12\x00", 1<<20) // ScopeSpans.spans, empty: 2 bytes here, 200 in memory
	scope := append(binary.AppendUvarint([]byte{2<<3 | 2}, uint64(len(spans))), spans...)
	message := append(binary.AppendUvarint([]byte{1<<3 | 2}, uint64(len(scope))), scope...)
	if _, err := checkProto(message, traces); err == nil || !strings.Contains(err.Error(), "no real ones fit") {
		t.Errorf("a million empty spans: %v", err)
	}
	json := `{"resourceSpans":[{"scopeSpans":[{"spans":[` + strings.Repeat("{},", 1<<20) + `{}]}]}]}`
	if _, err := checkJSON([]byte(json), traces); err == nil {
		t.Error("a million empty objects of JSON pass")
	}
}

func TestTheSmallestRealRecordsPass(t *testing.T) {
	td := ptrace.NewTraces()
	scope := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty()
	for i := range 20_000 {
		s := scope.Spans().AppendEmpty()
		s.SetTraceID(pcommon.TraceID{1})
		s.SetSpanID(pcommon.SpanID{1, byte(i)})
		for range 10 {
			s.Attributes().PutBool("", true)
			s.Events().AppendEmpty().SetTimestamp(1)
		}
	}
	for _, asJSON := range []bool{false, true} {
		check := checkProto
		if asJSON {
			check = checkJSON
		}
		if _, err := check(encode(t, td, asJSON), traces); err != nil {
			t.Errorf("json=%v: %v", asJSON, err)
		}
	}
}

func TestBracketsInStringsAreNoLevels(t *testing.T) {
	for _, s := range []string{
		`{"a":"` + strings.Repeat("[", 1000) + `"}`,
		`{"a":"\"` + strings.Repeat("[", 1000) + `"}`,
		`{"a":"\\","b":"` + strings.Repeat("{", 1000) + `\\\""}`,
	} {
		if _, err := checkJSON([]byte(s), traces); err != nil {
			t.Errorf("%.20s...: %v", s, err)
		}
	}
}

func BenchmarkCheck(b *testing.B) {
	td := generate(1000, 8, 12)
	for name, message := range map[string][]byte{"protobuf": encode(b, td, false), "json": encode(b, td, true)} {
		check := checkProto
		if name == "json" {
			check = checkJSON
		}
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(message)))
			for b.Loop() {
				if _, err := check(message, traces); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(td.SpanCount())*float64(b.N)/b.Elapsed().Seconds(), "spans/s")
		})
	}
}
