package remote

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/slowtoken/slowtoken/analyzer"
)

// Generators of anything that a span or a metric point can hold.

var (
	anyText = rapid.OneOf(rapid.SampledFrom([]string{"", "a", "gen_ai.request.model", "chat", "naïve \x00\xff"}), rapid.String())

	anyValue = rapid.Custom(func(t *rapid.T) analyzer.Value { return drawValue(t, 3) })

	anyAttributes = rapid.Custom(func(t *rapid.T) analyzer.Attributes {
		return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) analyzer.Attribute {
			return analyzer.Attribute{Key: anyText.Draw(t, "key"), Value: anyValue.Draw(t, "value")}
		}), 0, 4).Draw(t, "attributes")
	})

	anyUint32 = rapid.OneOf(rapid.Just(uint32(0)), rapid.Uint32())
	anyInt64  = rapid.OneOf(rapid.Just(int64(0)), rapid.Int64())
)

func drawValue(t *rapid.T, depth int) analyzer.Value {
	kinds := 6
	if depth > 0 {
		kinds = 8
	}
	switch analyzer.ValueKind(rapid.IntRange(0, kinds-1).Draw(t, "kind")) {
	case analyzer.KindString:
		return analyzer.String(anyText.Draw(t, "string"))
	case analyzer.KindBool:
		return analyzer.Bool(rapid.Bool().Draw(t, "bool"))
	case analyzer.KindInt:
		return analyzer.Int(rapid.Int64().Draw(t, "int"))
	case analyzer.KindDouble:
		return analyzer.Double(rapid.Float64().Draw(t, "double"))
	case analyzer.KindBytes:
		return analyzer.Bytes([]byte(anyText.Draw(t, "bytes")))
	case analyzer.KindArray:
		list := make([]analyzer.Value, rapid.IntRange(0, 3).Draw(t, "items"))
		for i := range list {
			list[i] = drawValue(t, depth-1)
		}
		return analyzer.Array(list)
	case analyzer.KindMap:
		entries := make(analyzer.Attributes, rapid.IntRange(0, 3).Draw(t, "entries"))
		for i := range entries {
			entries[i] = analyzer.Attribute{Key: anyText.Draw(t, "key"), Value: drawValue(t, depth-1)}
		}
		return analyzer.Map(entries)
	}
	return analyzer.Value{}
}

func drawTraceID(t *rapid.T) (id analyzer.TraceID) {
	id[0], id[15] = rapid.Byte().Draw(t, "trace"), rapid.ByteRange(0, 2).Draw(t, "trace")
	return id
}

func drawSpanID(t *rapid.T) (id analyzer.SpanID) {
	id[0], id[7] = rapid.Byte().Draw(t, "span"), rapid.Byte().Draw(t, "span")
	return id
}

// drawSources returns resources and scopes for spans to share, nil among them.
func drawSources(t *rapid.T) (resources []*analyzer.Resource, scopes []*analyzer.Scope) {
	resources, scopes = []*analyzer.Resource{nil}, []*analyzer.Scope{nil}
	for range rapid.IntRange(0, 3).Draw(t, "sources") {
		resources = append(resources, &analyzer.Resource{
			Attributes: anyAttributes.Draw(t, "resource"), DroppedAttributes: anyUint32.Draw(t, "dropped"), SchemaURL: anyText.Draw(t, "schema"),
		})
		scopes = append(scopes, &analyzer.Scope{
			Name: anyText.Draw(t, "scope"), Version: anyText.Draw(t, "version"), Attributes: anyAttributes.Draw(t, "scope"),
			DroppedAttributes: anyUint32.Draw(t, "dropped"), SchemaURL: anyText.Draw(t, "schema"),
		})
	}
	return resources, scopes
}

var anySpans = rapid.Custom(func(t *rapid.T) []analyzer.Span {
	resources, scopes := drawSources(t)
	sparse := rapid.Bool().Draw(t, "sparse") // as analysis reads them: most columns zero
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) analyzer.Span {
		s := analyzer.Span{
			TraceID: drawTraceID(t), ID: drawSpanID(t), Parent: drawSpanID(t),
			Start: anyInt64.Draw(t, "start"), End: anyInt64.Draw(t, "end"), Name: anyText.Draw(t, "name"),
			Kind: analyzer.SpanKind(rapid.Byte().Draw(t, "kind")), Status: analyzer.StatusCode(rapid.Byte().Draw(t, "status")),
			Attributes: anyAttributes.Draw(t, "attributes"),
			Resource:   rapid.SampledFrom(resources).Draw(t, "resource"), Scope: rapid.SampledFrom(scopes).Draw(t, "scope"),
		}
		if sparse {
			return s
		}
		s.StatusMessage, s.TraceState = anyText.Draw(t, "message"), anyText.Draw(t, "state")
		s.Flags, s.ReceivedAt = anyUint32.Draw(t, "flags"), anyInt64.Draw(t, "received")
		s.DroppedAttributes, s.DroppedEvents, s.DroppedLinks = anyUint32.Draw(t, "dropped"), anyUint32.Draw(t, "dropped"), anyUint32.Draw(t, "dropped")
		for range rapid.IntRange(0, 2).Draw(t, "events") {
			s.Events = append(s.Events, analyzer.Event{Time: anyInt64.Draw(t, "time"), Name: anyText.Draw(t, "event"),
				Attributes: anyAttributes.Draw(t, "event"), DroppedAttributes: anyUint32.Draw(t, "dropped")})
		}
		for range rapid.IntRange(0, 2).Draw(t, "links") {
			s.Links = append(s.Links, analyzer.Link{TraceID: drawTraceID(t), SpanID: drawSpanID(t), TraceState: anyText.Draw(t, "state"),
				Flags: anyUint32.Draw(t, "flags"), Attributes: anyAttributes.Draw(t, "link"), DroppedAttributes: anyUint32.Draw(t, "dropped")})
		}
		return s
	}), 0, 8).Draw(t, "spans")
})

// sameSpans compares spans with everything they hold, times of receipt included, in order.
func sameSpans(got, want []analyzer.Span) error {
	if len(got) != len(want) {
		return fmt.Errorf("%d spans, want %d", len(got), len(want))
	}
	for i := range got {
		if !got[i].Equal(&want[i]) || got[i].ReceivedAt != want[i].ReceivedAt {
			return fmt.Errorf("span %d is\n%+v, want\n%+v", i, got[i], want[i])
		}
	}
	return nil
}

func TestBatchesKeepEverything(t *testing.T) {
	e := new(encoder) // one for all, so that nothing of a batch may stay for the next
	rapid.Check(t, func(t *rapid.T) {
		want := anySpans.Draw(t, "spans")
		data, err := e.encode(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := decode(bytes.Clone(data))
		if err != nil {
			t.Fatal(err)
		}
		if err := sameSpans(got, want); err != nil {
			t.Fatal(err)
		}
		for i := range want {
			for j := range want {
				if (want[i].Resource == want[j].Resource) != (got[i].Resource == got[j].Resource) ||
					(want[i].Scope == want[j].Scope) != (got[i].Scope == got[j].Scope) {
					t.Fatalf("spans %d and %d no longer share what they shared, or share what they did not", i, j)
				}
			}
		}
	})
}

func TestDecodedSpansOwnTheirMemory(t *testing.T) {
	e := new(encoder)
	want := exampleSpans(100)
	data, err := e.encode(want)
	if err != nil {
		t.Fatal(err)
	}
	data = bytes.Clone(data)
	got, err := decode(data)
	if err != nil {
		t.Fatal(err)
	}
	clear(data)
	if err := sameSpans(got, want); err != nil {
		t.Error(err)
	}
	first := got[0].Attributes
	_ = append(first, analyzer.Attribute{Key: "appended"})
	if err := sameSpans(got, want); err != nil {
		t.Errorf("an append to one span's attributes changed another: %v", err)
	}
}

func TestColumnsThatAreZeroCostNothing(t *testing.T) {
	spans := exampleSpans(1000)
	size := func() int {
		data, err := new(encoder).encode(spans)
		if err != nil {
			t.Fatal(err)
		}
		return len(data)
	}
	without := size()
	spans[0].Flags = 1
	if with := size(); with != without+4*len(spans) {
		t.Errorf("one span with flags makes %d bytes of %d, want 4 a span more", with, without)
	}
}

func TestTooDeepValuesAreAnError(t *testing.T) {
	v := analyzer.Int(1)
	for range maxDepth {
		v = analyzer.Array([]analyzer.Value{v})
	}
	spans := []analyzer.Span{{Attributes: analyzer.Attributes{{Key: "deep", Value: v}}}}
	data, err := new(encoder).encode(spans)
	if err != nil {
		t.Fatalf("%d levels: %v", maxDepth, err)
	}
	if got, err := decode(data); err != nil || !got[0].Equal(&spans[0]) {
		t.Errorf("%d levels come back with %v", maxDepth, err)
	}
	spans[0].Attributes[0].Value = analyzer.Array([]analyzer.Value{v})
	if _, err := new(encoder).encode(spans); err == nil {
		t.Errorf("%d levels are encoded", maxDepth+1)
	}
}

// TestEveryCutAndEveryFlippedBitIsHarmless: what is not a batch is an error or other spans, never a panic.
func TestEveryCutAndEveryFlippedBitIsHarmless(t *testing.T) {
	spans := exampleSpans(3)
	spans[1].Events = []analyzer.Event{{Time: 5, Name: "e", Attributes: spans[0].Attributes}}
	spans[2].Links = []analyzer.Link{{TraceState: "s", Attributes: spans[0].Attributes}}
	spans[0].Attributes = append(spans[0].Attributes, analyzer.Attribute{Key: "list", Value: analyzer.Array([]analyzer.Value{
		analyzer.Int(1), analyzer.Map(analyzer.Attributes{{Key: "k", Value: analyzer.Bytes([]byte("b"))}})})})
	whole, err := new(encoder).encode(spans)
	if err != nil {
		t.Fatal(err)
	}
	for n := range whole {
		if _, err := decode(whole[:n]); !errors.Is(err, errDamaged) {
			t.Fatalf("cut to %d bytes: %v", n, err)
		}
	}
	for i := range whole {
		for bit := range 8 {
			broken := bytes.Clone(whole)
			broken[i] ^= 1 << bit
			if _, err := decode(broken); err != nil && !errors.Is(err, errDamaged) {
				t.Fatalf("byte %d, bit %d: %v", i, bit, err)
			}
		}
	}
}

// allocated returns how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// FuzzDecode holds that no bytes make the decoders panic or allocate more than a multiple of their length, and that what
// decodes encodes to the same spans again.
func FuzzDecode(f *testing.F) {
	for _, n := range []int{0, 1, 5} {
		data, err := new(encoder).encode(exampleSpans(n))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(bytes.Clone(data))
	}
	data, err := new(encoder).encodePoints(examplePoints())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(bytes.Clone(data))
	f.Fuzz(func(t *testing.T, data []byte) {
		var spans []analyzer.Span
		var points []analyzer.MetricPoint
		var spansErr, pointsErr error
		took := allocated(func() {
			spans, spansErr = decode(data)
			points, pointsErr = decodePoints(data)
		})
		// The widest ratio is that of an item in an array: 1 byte here, a Value of 40 bytes there.
		if limit := uint64(64*len(data) + 64<<10); took > limit {
			t.Fatalf("%d bytes made the decoders allocate %d, limit %d", len(data), took, limit)
		}
		if spansErr == nil {
			again, err := new(encoder).encode(spans)
			if err != nil {
				t.Fatal(err)
			}
			got, err := decode(again)
			if err == nil {
				err = sameSpans(got, spans)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if pointsErr == nil {
			again, err := new(encoder).encodePoints(points)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := decodePoints(again); err != nil || len(got) != len(points) {
				t.Fatalf("%d points come back as %d: %v", len(points), len(got), err)
			}
		}
	})
}

// exampleSpans makes n spans in traces of 8, shaped as analysis reads them: shared names and keys, six attributes.
func exampleSpans(n int) []analyzer.Span {
	resource := &analyzer.Resource{Attributes: analyzer.Attributes{{Key: "service.name", Value: analyzer.String("vllm")}}}
	scope := &analyzer.Scope{Name: "vllm.tracing"}
	names := []string{"POST /v1/chat/completions", "llm_request", "prefill", "decode"}
	spans := make([]analyzer.Span, n)
	for i := range spans {
		s := &spans[i]
		s.TraceID[0], s.TraceID[6], s.TraceID[7] = 1, byte(i>>11), byte(i>>3)
		s.ID = analyzer.SpanID{1, 6: byte(i >> 8), 7: byte(i)}
		s.Start, s.End = int64(i)*1000, int64(i)*1000+500
		s.Name, s.Kind = names[i%len(names)], analyzer.SpanKindServer
		s.Resource, s.Scope = resource, scope
		s.Attributes = analyzer.Attributes{
			{Key: "gen_ai.operation.name", Value: analyzer.String("chat")},
			{Key: "gen_ai.request.model", Value: analyzer.String("llama-3.1-8b")},
			{Key: "gen_ai.request.id", Value: analyzer.String(fmt.Sprintf("req-%08d", i))},
			{Key: "gen_ai.usage.input_tokens", Value: analyzer.Int(int64(i % 4096))},
			{Key: "gen_ai.usage.output_tokens", Value: analyzer.Int(int64(i % 512))},
			{Key: "gen_ai.latency.time_to_first_token", Value: analyzer.Double(0.125)},
		}
	}
	return spans
}

func BenchmarkEncode(b *testing.B) {
	spans := exampleSpans(frameItems)
	e := new(encoder)
	for b.Loop() {
		data, err := e.encode(spans)
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(len(data)))
	}
	b.ReportMetric(float64(len(spans))*float64(b.N)/b.Elapsed().Seconds(), "spans/s")
}

func BenchmarkDecode(b *testing.B) {
	spans := exampleSpans(frameItems)
	data, err := new(encoder).encode(spans)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := decode(data); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(spans))*float64(b.N)/b.Elapsed().Seconds(), "spans/s")
}

// examplePoints holds one point of every kind.
func examplePoints() []analyzer.MetricPoint {
	resource := &analyzer.Resource{Attributes: analyzer.Attributes{{Key: "service.name", Value: analyzer.String("vllm")}}}
	scope := &analyzer.Scope{Name: "scope", Version: "1"}
	labels := analyzer.Attributes{{Key: "model", Value: analyzer.String("m")}, {Key: "engine", Value: analyzer.Int(0)}}
	return []analyzer.MetricPoint{
		{Name: "running", Unit: "1", Description: "d", Type: analyzer.MetricGauge, Time: 5, Value: analyzer.Int(7), Attributes: labels, Resource: resource, Scope: scope},
		{Name: "tokens", Type: analyzer.MetricSum, Temporality: analyzer.TemporalityCumulative, Monotonic: true, Start: 1, Time: 5, Value: analyzer.Double(1.5),
			Metadata: labels, Flags: 1, Exemplars: []analyzer.Exemplar{{Time: 3, Value: analyzer.Double(2), TraceID: analyzer.TraceID{1}, SpanID: analyzer.SpanID{2}, Attributes: labels}}},
		{Name: "latency", Type: analyzer.MetricHistogram, Count: 3, Sum: analyzer.Double(4), Min: analyzer.Double(1), Max: analyzer.Double(2),
			Bounds: []float64{1, 2.5}, Buckets: []uint64{1, 2, 1 << 60}, Resource: resource},
		{Name: "exponential", Type: analyzer.MetricExponentialHistogram, Count: 9, Exponential: &analyzer.ExponentialBuckets{
			Scale: -3, ZeroCount: 4, ZeroThreshold: 0.1, PositiveOffset: -7, NegativeOffset: 8, Positive: []uint64{1, 2}, Negative: []uint64{3}}},
		{Name: "summary", Type: analyzer.MetricSummary, Count: 2, Sum: analyzer.Double(3), Quantiles: []analyzer.Quantile{{Quantile: 0.5, Value: 1}, {Quantile: 0.99, Value: 2}}},
		{},
	}
}

func TestPointsKeepEverything(t *testing.T) {
	want := examplePoints()
	data, err := new(encoder).encodePoints(want)
	if err != nil {
		t.Fatal(err)
	}
	for n := range data {
		if _, err := decodePoints(data[:n]); !errors.Is(err, errDamaged) {
			t.Fatalf("cut to %d bytes: %v", n, err)
		}
	}
	got, err := decodePoints(bytes.Clone(data))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.EqualFunc(got, want, samePoint) {
		t.Errorf("points are\n%+v, want\n%+v", got, want)
	}
	if got[0].Resource != got[2].Resource {
		t.Error("points no longer share their resource")
	}
}
