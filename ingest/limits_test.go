package ingest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"

	"github.com/slowtoken/slowtoken/analyzer"
)

// TestCompressedFilesReadLikePlainOnes also joins members, as log rotation does.
func TestCompressedFilesReadLikePlainOnes(t *testing.T) {
	plain := append(otlpJSON(t, generate(3, 2, 2)), '\n')
	once, _, _ := readAll(plain)
	twice := append(slices.Clone(once), once...)
	for name, c := range map[string]struct {
		file []byte
		want []analyzer.Span
	}{
		"gzip":                {gzipped(plain), once},
		"zstd":                {zstded(plain), once},
		"gzip, two members":   {append(gzipped(plain), gzipped(plain)...), twice},
		"zstd, two members":   {append(zstded(plain), zstded(plain)...), twice},
		"gzip in zstd":        {zstded(gzipped(plain)), once},
		"zstd after skipping": {append([]byte{0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 'h', 'i'}, zstded(plain)...), once},
	} {
		t.Run(name, func(t *testing.T) {
			got, summary, err := readAll(c.file)
			if err != nil {
				t.Fatal(err)
			}
			checkSummary(t, got, summary)
			requireSameSpans(t, c.want, got)
			if summary.Bytes != int64(len(c.file)) {
				t.Errorf("read %d bytes of %d", summary.Bytes, len(c.file))
			}
		})
	}
}

func TestDamagedCompressedFileKeepsWhatCameOut(t *testing.T) {
	td := generate(2000, 4, 4)
	for name, plain := range map[string][]byte{"JSON": append(otlpJSON(t, td), '\n'), "protobuf": resourceFirst(marshal(t, td))} {
		file := gzipped(plain)
		spans, summary, err := readAll(file[:len(file)-len(file)/4])
		if err == nil || !strings.Contains(err.Error(), "unpack gzip: unexpected EOF") {
			t.Errorf("%s: got error %v, want one that says the archive ends too early", name, err)
		}
		checkSummary(t, spans, summary)
		if len(spans) < 2000 {
			t.Errorf("%s: only %d spans were kept", name, len(spans))
		}
	}
}

func TestBombsAreRefused(t *testing.T) {
	zeros := make([]byte, 1<<20)
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	io.WriteString(z, `{"resourceSpans":[{"x":"`)
	for range 70 {
		z.Write(bytes.Repeat([]byte{'a'}, len(zeros)))
	}
	io.WriteString(z, `"}]}`)
	z.Close()
	_, err := Read(context.Background(), "bomb", bytes.NewReader(packed.Bytes()), ReadOptions{MaxRatio: 100}, nil)
	if err == nil || !strings.Contains(err.Error(), "more than 100 to one") {
		t.Errorf("ratio: got %v", err)
	}
	_, err = Read(context.Background(), "bomb", bytes.NewReader(packed.Bytes()), ReadOptions{MaxDecompressed: 1 << 20}, nil)
	if err == nil || !strings.Contains(err.Error(), "more than 1048576 bytes came out") {
		t.Errorf("size: got %v", err)
	}
	summary, err := Read(context.Background(), "long string", bytes.NewReader(packed.Bytes()), ReadOptions{MaxRecord: 1 << 20, MaxRatio: 1 << 20}, nil)
	if err != nil || summary.Refused[ReasonBroken] != 1 || !strings.Contains(summary.Details[0], "longer than 1048576 bytes") {
		t.Errorf("string: got %v, %q", err, summary.Details)
	}
}

func TestNestingWithoutEndIsRefused(t *testing.T) {
	for _, open := range []string{"[", `{"resourceSpans":[`, `{"a":`, `{"trace":`, `{"data":[`, `{"arrayValue":{"values":[`} {
		for _, before := range []string{"", `{"resourceSpans":[{"resource":{"attributes":[{"key":"k","value":`} {
			spans, summary, _ := readAll([]byte(before + strings.Repeat(open, 100_000)))
			if len(spans) > 0 || summary.Refused[ReasonBroken] != 1 {
				t.Errorf("%s%s...: got %d spans, %v", before, open, len(spans), summary.Refused)
			}
		}
	}
}

func TestSpanOfEmptyRecordsIsRefused(t *testing.T) {
	span := `{"resourceSpans":[{"resource":{},"scopeSpans":[{"scope":{},"spans":[{"traceId":"01","spanId":"01","attributes":[{}`
	file := span + strings.Repeat(",{}", MaxMessageRecords+1)
	spans, summary, err := readAll([]byte(file))
	if err != nil || len(spans) > 0 || summary.Refused[ReasonBroken] != 1 || !strings.Contains(summary.Details[0], "more than 2097152 attributes") {
		t.Errorf("JSON: got %d spans, %v, %v %q", len(spans), err, summary.Refused, summary.Details)
	}
	wire := resourceFirst(marshal(t, generate(1, 1, 1)))
	_, scopes := split(firstField(wire))
	_, good := split(scopes[0])
	bad := append(bytes.Clone(good[0]), bytes.Repeat(field(9, nil), MaxMessageRecords+1)...)
	spans, summary, err = readAll(field(1, field(2, append(field(2, bad), field(2, good[0])...))))
	if err != nil || len(spans) != 1 || summary.Refused[ReasonBrokenProto] != 1 {
		t.Errorf("protobuf: got %d spans, %v, %v %q", len(spans), err, summary.Refused, summary.Details)
	}
}

func TestLargeResourceIsHandedOverInParts(t *testing.T) {
	file := otlpJSON(t, generate(2000, 8, 12))
	batches := 0
	summary, err := Read(context.Background(), "large", bytes.NewReader(file), ReadOptions{MaxRecord: 1 << 20}, func(batch []analyzer.Span) error {
		batches++
		return nil
	})
	if err != nil || summary.Spans != 16000 || batches < 10 {
		t.Errorf("got %d spans in %d batches, %v", summary.Spans, batches, err)
	}
}

// TestMemoryDoesNotGrowWithADocument reads documents of many small traces.
func TestMemoryDoesNotGrowWithADocument(t *testing.T) {
	td := generate(4000, 8, 1)
	text := otlpJSON(t, generate(10, 8, 1))
	for name, file := range map[string][]byte{
		"Jaeger": jaegerJSON(t, td), "Zipkin": zipkinJSON(t, td),
		"array of OTLP": []byte("[" + strings.Repeat(string(text)+",\n", 399) + string(text) + "]"),
		"OTLP lines":    bytes.Repeat(append(text, '\n'), 400),
		"protobuf":      bytes.Repeat(marshal(t, generate(10, 8, 1)), 400),
	} {
		largest := 0
		summary, err := Read(context.Background(), name, bytes.NewReader(file), ReadOptions{}, func(batch []analyzer.Span) error {
			largest = max(largest, len(batch))
			return nil
		})
		if err != nil || summary.Spans != 32000 || largest > 2*batchSpans {
			t.Errorf("%s: %d spans, up to %d at once; %v", name, summary.Spans, largest, err)
		}
	}
}

func TestReadStopsForItsCaller(t *testing.T) {
	file := otlpJSON(t, generate(10, 2, 2))
	full := errors.New("disk full")
	_, err := Read(context.Background(), "f", bytes.NewReader(file), ReadOptions{}, func([]analyzer.Span) error { return full })
	if !errors.Is(err, full) {
		t.Errorf("emit failed: got %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Read(ctx, "f", bytes.NewReader(file), ReadOptions{}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v", err)
	}
	metrics := `{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"g","gauge":{"dataPoints":[{"asInt":"4"}]}}]}]}]}`
	_, err = Read(context.Background(), "f", strings.NewReader(metrics), ReadOptions{Metrics: func([]analyzer.MetricPoint) error { return full }}, nil)
	if !errors.Is(err, full) {
		t.Errorf("metrics failed: got %v", err)
	}
}

func TestProgressReachesTheEnd(t *testing.T) {
	file := otlpJSON(t, generate(500, 8, 12))
	var told []int64
	_, err := Read(context.Background(), "f", bytes.NewReader(file), ReadOptions{Progress: func(n int64) { told = append(told, n) }},
		func([]analyzer.Span) error { return nil })
	if err != nil || !slices.IsSorted(told) || len(told) < 3 || told[len(told)-1] != int64(len(file)) {
		t.Errorf("told %v of %d bytes; %v", told, len(file), err)
	}
}

// TestUnwantedAttributesAreLeftOut compares with all attributes read and then dropped.
func TestUnwantedAttributesAreLeftOut(t *testing.T) {
	wanted := func(key string) bool { return strings.Contains(key, "o") }
	td := everyField()
	removeNaN(td)
	generate(3, 2, 8).ResourceSpans().MoveAndAppendTo(td.ResourceSpans())
	for name, file := range map[string][]byte{
		"OTLP JSON": otlpJSON(t, td), "protobuf": marshal(t, td), "Jaeger": jaegerJSON(t, generate(3, 2, 8)), "Zipkin": zipkinJSON(t, generate(3, 2, 8)),
	} {
		want, _, err := readAll(file)
		if err != nil {
			t.Fatal(err)
		}
		left := 0
		for i := range want {
			before := len(want[i].Attributes)
			want[i].Attributes = slices.DeleteFunc(want[i].Attributes, func(a analyzer.Attribute) bool { return !wanted(a.Key) })
			left += before - len(want[i].Attributes)
		}
		var got []analyzer.Span
		_, err = Read(context.Background(), name, bytes.NewReader(file), ReadOptions{Attributes: wanted}, func(batch []analyzer.Span) error {
			got = append(got, batch...)
			return nil
		})
		if err != nil || left == 0 {
			t.Fatalf("%s: %v; %d attributes left out", name, err, left)
		}
		requireSameSpans(t, want, got)
	}
}
