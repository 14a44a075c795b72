package ingest

import (
	"bytes"
	"context"
	"path/filepath"
	"testing"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/slowtoken/slowtoken/analyzer"
)

// fuzzLimits keep one run of a fuzz target short.
var fuzzLimits = ReadOptions{MaxRecord: 1 << 16, MaxDecompressed: 1 << 22, MaxRatio: 1 << 20}

// readFuzzed reads file and checks what holds for every file: reading ends without a panic, the summary is right, and
// every span that was kept passes through OTLP unchanged.
func readFuzzed(t *testing.T, file []byte) {
	var spans []analyzer.Span
	summary, err := Read(context.Background(), "fuzzed", bytes.NewReader(file), fuzzLimits, func(batch []analyzer.Span) error {
		spans = append(spans, batch...)
		return nil
	})
	checkSummary(t, spans, summary)
	if err == nil && summary.Bytes != int64(len(file)) && len(file) > 0 {
		t.Errorf("read %d bytes of %d without an error", summary.Bytes, len(file))
	}
	for i := range spans {
		back, refused := FromTraces(ToTraces(spans[i : i+1]))
		if len(back) != 1 || !spans[i].Equal(&back[0]) {
			t.Fatalf("span %d does not pass through OTLP (%v):\nbefore %+v\nafter  %+v", i, refused, spans[i], back)
		}
	}
}

func fuzzFiles(f *testing.F, tables ...string) {
	for _, table := range tables {
		for _, file := range casesOf(f, filepath.Join("testdata", table)) {
			f.Add(file)
		}
	}
	f.Fuzz(readFuzzed)
}

func FuzzReadOTLPJSON(f *testing.F) {
	text, err := new(ptrace.JSONMarshaler).MarshalTraces(everyField())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	fuzzFiles(f, "otlp.txtar")
}

func FuzzReadJaegerJSON(f *testing.F) { fuzzFiles(f, "jaeger.txtar") }
func FuzzReadZipkin(f *testing.F)     { fuzzFiles(f, "zipkin.txtar") }
func FuzzReadTempo(f *testing.F)      { fuzzFiles(f, "tempo.txtar") }

func FuzzReadProtobuf(f *testing.F) {
	for _, file := range protoFiles(f) {
		f.Add(file)
	}
	f.Fuzz(readFuzzed)
}

// FuzzRead lets the content decide, compressed files included.
func FuzzRead(f *testing.F) {
	for _, file := range protoFiles(f) {
		f.Add(file)
		f.Add(gzipped(file))
		f.Add(zstded(file))
	}
	fuzzFiles(f, "refused.txtar", "otlp.txtar", "jaeger.txtar", "zipkin.txtar", "tempo.txtar")
}

// FuzzOTLPRoundTrip decodes a message with pdata; what the conversion keeps of it comes back equal, and the conversion
// of that loses nothing.
func FuzzOTLPRoundTrip(f *testing.F) {
	f.Add(marshal(f, everyField()))
	f.Add(marshal(f, generate(2, 3, 4)))
	f.Fuzz(func(t *testing.T, wire []byte) {
		if _, err := checkProto(wire, traces); err != nil {
			return
		}
		td, err := decodeRequest(wire)
		if err != nil {
			return
		}
		count := td.SpanCount()
		spans, refused := FromTraces(td)
		// The decoder of files agrees with pdata's on whatever pdata can decode.
		var direct decoded
		decoder := wireDecoder{interner: newInterner()}
		for rest := wire; len(rest) > 0; {
			var f wireField
			if f, rest, _ = nextField(rest); f.number == 1 {
				decoder.resourceSpans(f.body, true, &direct)
			}
		}
		requireSameSpans(t, spans, direct.spans)
		if len(spans)+refused.Total() != count {
			t.Fatalf("%d spans came in, %d were kept and %d refused", count, len(spans), refused.Total())
		}
		again, refused := FromTraces(ToTraces(spans))
		if refused.Total() != 0 {
			t.Fatalf("spans that were kept are refused: %v", refused)
		}
		// Spans of one resource come together, so the order may change, but not within a scope.
		byScope := func(spans []analyzer.Span) (groups [][]*analyzer.Span) {
			places := map[*analyzer.Scope]int{}
			for i := range spans {
				s := &spans[i]
				place, ok := places[s.Scope]
				if !ok {
					place = len(groups)
					places[s.Scope] = place
					groups = append(groups, nil)
				}
				groups[place] = append(groups[place], s)
			}
			return groups
		}
		want, got := byScope(spans), byScope(again)
		if len(want) != len(got) {
			t.Fatalf("%d scopes became %d", len(want), len(got))
		}
		for i := range want {
			if len(want[i]) != len(got[i]) {
				t.Fatalf("scope %d: %d spans became %d", i, len(want[i]), len(got[i]))
			}
			for k := range want[i] {
				if !want[i][k].Equal(got[i][k]) {
					t.Fatalf("before %+v\nafter  %+v", want[i][k], got[i][k])
				}
			}
		}
	})
}

// protoFiles returns files of every protobuf framing.
func protoFiles(t testing.TB) [][]byte {
	full, some := marshal(t, everyField()), marshal(t, generate(2, 3, 4))
	return [][]byte{
		full, some, append(bytes.Clone(full), some...),
		framed(fixedLength, full, some), framed(varintLength, full, some),
		full[:len(full)/2], framed(fixedLength, full, some)[:len(full)+len(some)/2],
	}
}
