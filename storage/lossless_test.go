package storage

import (
	"context"
	"encoding/binary"
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/slowtoken/slowtoken/analyzer"
)

// A filler gives every field that it can reach a value of its own, so that a field that is stored nowhere, or in
// another's place, comes back different.
type filler struct{ n int64 }

func (f *filler) next() int64 { f.n++; return f.n }

func (f *filler) fill(t *testing.T, v reflect.Value) {
	t.Helper()
	switch x := v.Addr().Interface().(type) {
	case *analyzer.Value:
		*x = analyzer.Int(f.next())
		return
	case *analyzer.Attributes:
		*x = f.attributes()
		return
	case *analyzer.SpanKind:
		*x = analyzer.SpanKindConsumer
		return
	case *analyzer.StatusCode:
		*x = analyzer.StatusError
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString("text " + string(rune('a'+f.next())))
	case reflect.Int64, reflect.Int32:
		v.SetInt(f.next())
	case reflect.Uint8, reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(f.next()))
	case reflect.Float64:
		v.SetFloat(float64(f.next()) + 0.5)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Array:
		for i := range v.Len() {
			f.fill(t, v.Index(i))
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			f.fill(t, v.Index(i))
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		f.fill(t, v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			f.fill(t, v.Field(i))
		}
	default:
		t.Fatalf("%s: a field of kind %s, which this test cannot fill", v.Type(), v.Kind())
	}
}

// attributes holds every kind of value, nested, at the edges of their ranges, and keys that are hard to keep: hot ones
// with another type, repeated ones, empty ones.
func (f *filler) attributes() analyzer.Attributes {
	attrs := analyzer.Attributes{
		{Key: "text", Value: analyzer.String("a\x00b \"quoted\" \\ \u2028 \U0001F600 longer than twelve bytes")},
		{Key: "number", Value: analyzer.Int(f.next())},
		{Key: "largest", Value: analyzer.Int(math.MaxInt64)},
		{Key: "smallest", Value: analyzer.Int(math.MinInt64)},
		{Key: "yes", Value: analyzer.Bool(true)},
		{Key: "no", Value: analyzer.Bool(false)},
		{Key: "whole double", Value: analyzer.Double(3)},
		{Key: "negative zero", Value: analyzer.Double(math.Copysign(0, -1))},
		{Key: "nan", Value: analyzer.Double(math.Float64frombits(0x7ff8000000000007))},
		{Key: "infinite", Value: analyzer.Double(math.Inf(-1))},
		{Key: "bytes", Value: analyzer.Bytes([]byte("\x00\xff more than twelve bytes"))},
		{Key: "no bytes", Value: analyzer.Bytes(nil)},
		{Key: "empty", Value: analyzer.Value{}},
		{Key: "", Value: analyzer.String("")},
		{Key: "repeated", Value: analyzer.String("first")},
		{Key: "repeated", Value: analyzer.String("second")},
		{Key: "repeated", Value: analyzer.Int(3)},
		{Key: "gen_ai.usage.input_tokens", Value: analyzer.String("a hot key of another type")},
		{Key: "gen_ai.request.model", Value: analyzer.String("m")},
		{Key: "gen_ai.request.model", Value: analyzer.String("a hot key again")},
	}
	for _, h := range analyzer.HotAttributes {
		attrs = append(attrs, analyzer.Attribute{Key: h.Key, Value: map[analyzer.ValueKind]analyzer.Value{
			analyzer.KindString: analyzer.String("hot " + h.Key), analyzer.KindInt: analyzer.Int(f.next()),
			analyzer.KindDouble: analyzer.Double(float64(f.next()) / 8), analyzer.KindBool: analyzer.Bool(true),
		}[h.Kind]})
	}
	everything := analyzer.Map(append(analyzer.Attributes{
		{Key: "$bytes", Value: analyzer.Bytes([]byte{1})}, {Key: "$$", Value: analyzer.Array([]analyzer.Value{})},
	}, attrs...))
	return append(attrs,
		analyzer.Attribute{Key: "array", Value: analyzer.Array([]analyzer.Value{everything, analyzer.Int(1), analyzer.Double(1), {}})},
		analyzer.Attribute{Key: "map", Value: everything},
		analyzer.Attribute{Key: "tagged", Value: analyzer.Map(analyzer.Attributes{{Key: "$double", Value: analyzer.String("NaN")}})},
	)
}

func TestEveryFieldOfASpanComesBack(t *testing.T) {
	var s analyzer.Span
	(&filler{}).fill(t, reflect.ValueOf(&s).Elem())
	// Every field is filled, then each span lacks one of them.
	spans := []analyzer.Span{s}
	v := reflect.ValueOf(&s).Elem()
	for i := range v.NumField() {
		without := s
		reflect.ValueOf(&without).Elem().Field(i).SetZero()
		spans = append(spans, without)
	}
	db := openNew(t)
	insert(t, db, spans)
	// Order decides which is which: the content is what is compared.
	got := read(t, db, Query{Columns: AllColumns})
	if len(got) != len(spans) {
		t.Fatalf("got %d spans, want %d", len(got), len(spans))
	}
	for i := range spans {
		found := 0
		for j := range got {
			if got[j].Equal(&spans[i]) && (spans[i].ReceivedAt == 0 || got[j].ReceivedAt == spans[i].ReceivedAt) {
				found++
			}
		}
		if found == 0 {
			t.Errorf("this span did not come back:\n%+v", spans[i])
		}
	}
}

func TestEveryFieldOfAMetricPointComesBack(t *testing.T) {
	var full analyzer.MetricPoint
	f := &filler{}
	f.fill(t, reflect.ValueOf(&full).Elem())
	full.Type, full.Temporality = analyzer.MetricExponentialHistogram, analyzer.TemporalityCumulative
	full.Sum, full.Min, full.Max = analyzer.Double(1.5), analyzer.Double(0), analyzer.Double(math.Inf(1))
	double := full
	double.Value, double.Exemplars = analyzer.Double(2), []analyzer.Exemplar{{Value: analyzer.Double(3)}}
	points := []analyzer.MetricPoint{full, {Name: "bare", Type: analyzer.MetricGauge}, double}
	db := openNew(t)
	if err := db.InsertMetrics(context.Background(), points); err != nil {
		t.Fatal(err)
	}
	var got []analyzer.MetricPoint
	for batch, err := range db.MetricPoints(context.Background(), 0, 0) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, batch...)
	}
	if len(got) != len(points) {
		t.Fatalf("got %d points, want %d", len(got), len(points))
	}
	for i := range points {
		if diff := cmp.Diff(points[i], got[i], cmp.Comparer(analyzer.Value.Equal)); diff != "" {
			t.Errorf("point %d, - wanted, + got:\n%s", i, diff)
		}
	}
}

func anyText(t *rapid.T, name string) string {
	return rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", "a", "gen_ai.request.model", "twelve bytes", "thirteen byte"})).Draw(t, name)
}

func anyValue(t *rapid.T, depth int) analyzer.Value {
	kinds := 8
	if depth == 0 {
		kinds = 6
	}
	switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
	case 0:
		return analyzer.Value{}
	case 1:
		return analyzer.String(anyText(t, "string"))
	case 2:
		return analyzer.Bool(rapid.Bool().Draw(t, "bool"))
	case 3:
		return analyzer.Int(rapid.Int64().Draw(t, "int"))
	case 4:
		return analyzer.Double(math.Float64frombits(rapid.Uint64().Draw(t, "double")))
	case 5:
		return analyzer.Bytes(rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "bytes"))
	case 6:
		var list []analyzer.Value
		for range rapid.IntRange(0, 3).Draw(t, "items") {
			list = append(list, anyValue(t, depth-1))
		}
		return analyzer.Array(list)
	}
	return analyzer.Map(anyAttributes(t, depth-1))
}

func anyAttributes(t *rapid.T, depth int) analyzer.Attributes {
	var attrs analyzer.Attributes
	for range rapid.IntRange(0, 4).Draw(t, "attributes") {
		key := rapid.OneOf(rapid.SampledFrom([]string{"a", "b", "$bytes", "gen_ai.usage.input_tokens", "http.route"}), rapid.String()).Draw(t, "key")
		attrs = append(attrs, analyzer.Attribute{Key: key, Value: anyValue(t, depth)})
	}
	return attrs
}

func anyID[T ~[8]byte | ~[16]byte](t *rapid.T) (id T) {
	n := rapid.Uint64().Draw(t, "id")
	for i := range len(id) {
		id[i] = byte(n >> (i % 8 * 8))
	}
	return id
}

func anySpan(t *rapid.T) analyzer.Span {
	s := analyzer.Span{
		TraceID: anyID[analyzer.TraceID](t), ID: anyID[analyzer.SpanID](t), Parent: anyID[analyzer.SpanID](t),
		Start: rapid.Int64().Draw(t, "start"), End: rapid.Int64().Draw(t, "end"), Name: anyText(t, "name"),
		Kind: analyzer.SpanKind(rapid.Byte().Draw(t, "kind")), Status: analyzer.StatusCode(rapid.Byte().Draw(t, "status")),
		StatusMessage: anyText(t, "message"), TraceState: anyText(t, "state"), Flags: rapid.Uint32().Draw(t, "flags"),
		Attributes: anyAttributes(t, 2), DroppedAttributes: rapid.Uint32().Draw(t, "dropped"), ReceivedAt: time.Now().UnixNano(),
		Resource: &analyzer.Resource{Attributes: anyAttributes(t, 1), SchemaURL: anyText(t, "url")},
		Scope:    &analyzer.Scope{Name: anyText(t, "scope"), Attributes: anyAttributes(t, 1)},
	}
	for range rapid.IntRange(0, 2).Draw(t, "events") {
		s.Events = append(s.Events, analyzer.Event{Time: rapid.Int64().Draw(t, "time"), Name: anyText(t, "event"), Attributes: anyAttributes(t, 1)})
	}
	for range rapid.IntRange(0, 2).Draw(t, "links") {
		s.Links = append(s.Links, analyzer.Link{TraceID: anyID[analyzer.TraceID](t), Attributes: anyAttributes(t, 1), TraceState: anyText(t, "state")})
	}
	return s
}

func TestAnySpanComesBackExactly(t *testing.T) {
	db := openNew(t)
	checks := uint32(0)
	rapid.Check(t, func(rt *rapid.T) {
		checks++
		var want []analyzer.Span
		var ids []analyzer.TraceID
		for range rapid.IntRange(1, 5).Draw(rt, "spans") {
			s := anySpan(rt)
			binary.BigEndian.PutUint32(s.TraceID[2:], checks) // what earlier checks stored is not picked
			want, ids = append(want, s), append(ids, s.TraceID)
		}
		insert(t, db, want)
		sameSpans(rt, read(rt, db, Query{Columns: AllColumns, TraceIDs: ids}), want)
	})
}

// A broken clock can date a span at either end of time; without bounds it is read like any other.
func TestSpansAtBothEndsOfTimeComeBack(t *testing.T) {
	db := openNew(t)
	want := []analyzer.Span{
		{TraceID: analyzer.TraceID{1}, ID: analyzer.SpanID{1}, Start: math.MinInt64, End: math.MinInt64, ReceivedAt: 1, Resource: &analyzer.Resource{}, Scope: &analyzer.Scope{}},
		{TraceID: analyzer.TraceID{2}, ID: analyzer.SpanID{2}, Start: math.MaxInt64, End: math.MaxInt64, ReceivedAt: 1, Resource: &analyzer.Resource{}, Scope: &analyzer.Scope{}},
	}
	insert(t, db, want)
	sameSpans(t, read(t, db, Query{Columns: AllColumns}), want)
}

func TestTypedJSONComesBackExactly(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		v := anyValue(rt, 3)
		replaced := 0
		text := string(appendTypedJSON(nil, v, &replaced))
		got, err := parseTypedJSON(text)
		if err != nil {
			rt.Fatalf("%s: %v", text, err)
		}
		if !got.Equal(v) || replaced != 0 {
			rt.Fatalf("%s came back as %v, want %v; %d strings were replaced", text, got, v, replaced)
		}
	})
}
