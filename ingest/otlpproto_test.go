package ingest

import (
	"bytes"
	"encoding/binary"
	"testing"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/slowtoken/slowtoken/analyzer"
)

// framed joins messages with their lengths before them.
func framed(f framing, messages ...[]byte) (file []byte) {
	for _, m := range messages {
		switch f {
		case fixedLength:
			file = binary.BigEndian.AppendUint32(file, uint32(len(m)))
		case varintLength:
			file = protowire.AppendVarint(file, uint64(len(m)))
		}
		file = append(file, m...)
	}
	return file
}

func TestProtobufInEveryFraming(t *testing.T) {
	first, second := everyField(), generate(3, 2, 2)
	want, _ := FromTraces(first)
	more, _ := FromTraces(second)
	want = append(want, more...)
	for name, f := range map[string]framing{"bare": bare, "4 bytes": fixedLength, "varint": varintLength} {
		t.Run(name, func(t *testing.T) {
			got, summary, err := readAll(framed(f, marshal(t, first), marshal(t, second)))
			if err != nil || summary.Refused.Total() != 0 {
				t.Fatalf("%v, %v", err, summary.Details)
			}
			checkSummary(t, got, summary)
			requireSameSpans(t, want, got)
		})
	}
}

func TestProtobufOfEverySignal(t *testing.T) {
	md := pmetric.NewMetrics()
	md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty().SetEmptyGauge().DataPoints().AppendEmpty().SetIntValue(7)
	md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).SetName("vllm:num_requests_waiting")
	points, err := new(pmetric.ProtoMarshaler).MarshalMetrics(md)
	if err != nil {
		t.Fatal(err)
	}
	ld := plog.NewLogs()
	record := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	record.SetTimestamp(1)
	record.Body().SetStr("started")
	logs, err := new(plog.ProtoMarshaler).MarshalLogs(ld)
	if err != nil {
		t.Fatal(err)
	}
	spans, summary, err := readAll(framed(fixedLength, points, logs, marshal(t, generate(1, 1, 1))))
	if err != nil || len(spans) != 1 || summary.Points != 1 || summary.Logs != 1 || summary.Refused.Total() != 0 {
		t.Errorf("got %d spans, %d points, %d logs; %v %q", len(spans), summary.Points, summary.Logs, err, summary.Details)
	}
}

// TestProtobufThatEndsTooEarly cuts a file at every byte: the spans that are whole stay, once it is known what they
// belong to.
func TestProtobufThatEndsTooEarly(t *testing.T) {
	td := generate(2, 3, 2)
	want, _ := FromTraces(td)
	message := resourceFirst(marshal(t, td))
	for name, f := range map[string]framing{"bare": bare, "4 bytes": fixedLength, "varint": varintLength} {
		file := framed(f, message)
		atLeast := 0
		for cut := 8; cut < len(file); cut++ {
			got, summary, err := readAll(file[:cut])
			if len(got) < atLeast || len(got) > len(want) {
				t.Fatalf("%s cut after %d bytes: %d spans, one byte less gave %d; %v", name, cut, len(got), atLeast, err)
			}
			atLeast = len(got)
			requireSameSpans(t, want[:len(got)], got)
			if summary.Refused.Total() == 0 && err == nil {
				t.Fatalf("%s cut after %d bytes was not told", name, cut)
			}
		}
		if atLeast != len(want)-1 {
			t.Errorf("%s without its last byte kept %d spans, want %d", name, atLeast, len(want)-1)
		}
	}
}

// TestProtobufThatEndsBeforeItsResource cuts a file that states resources last, as the collector's encoder does.
func TestProtobufThatEndsBeforeItsResource(t *testing.T) {
	file := marshal(t, generate(2, 3, 2))
	for cut := 8; cut < len(file); cut++ {
		spans, summary, err := readAll(file[:cut])
		if len(spans) > 0 || summary.Refused.Total() == 0 && err == nil {
			t.Fatalf("cut after %d bytes: %d spans, %v, %v", cut, len(spans), summary.Refused, err)
		}
	}
}

// resourceFirst puts the resource and the scope of a message with one of each before its spans.
func resourceFirst(message []byte) []byte {
	resource, scopes := split(firstField(message))
	scope, spans := split(scopes[0])
	for _, s := range spans {
		scope = append(scope, field(2, s)...)
	}
	return field(1, append(resource, field(2, scope)...))
}

// split returns the contents of field 2 of a message, and all else still encoded.
func split(message []byte) (rest []byte, contents [][]byte) {
	for len(message) > 0 {
		f, after, _ := nextField(message)
		if f.number == 2 {
			contents = append(contents, f.body)
		} else {
			rest = append(rest, message[:len(message)-len(after)]...)
		}
		message = after
	}
	return rest, contents
}

func TestOneBadSpanInProtobufCostsItselfOnly(t *testing.T) {
	td := generate(1, 5, 2)
	want, _ := FromTraces(td)
	wire := marshal(t, td)
	// The third span's id gets 7 bytes: its decoder refuses the whole message.
	id := want[2].ID
	for i := range len(wire) - 10 {
		if wire[i] == 0x12 && wire[i+1] == 8 && [8]byte(wire[i+2:i+10]) == id {
			wire[i+2] = 0x0a // a field inside would be text; the length below makes the id short
			wire[i+1] = 7
			break
		}
	}
	got, summary, err := readAll(wire)
	if err != nil || summary.Refused[ReasonBrokenProto] != 1 {
		t.Errorf("%v, %v %q", err, summary.Refused, summary.Details)
	}
	requireSameSpans(t, append(append([]analyzer.Span{}, want[:2]...), want[3:]...), got)
}

// TestProtobufAgreesWithPdata also holds for messages whose fields come twice or in any order.
func TestProtobufAgreesWithPdata(t *testing.T) {
	full, some := marshal(t, everyField()), marshal(t, generate(3, 3, 5))
	merged := field(1, append(bytes.Clone(firstField(full)), firstField(some)...))
	old := bytes.Clone(firstField(some))
	_, scopes := split(old)
	for name, wire := range map[string][]byte{
		"every field":            full,
		"resource first":         resourceFirst(full),
		"merged":                 merged,
		"many":                   append(bytes.Clone(some), full...),
		"the scope's old number": field(1, field(1000, scopes[0])),
	} {
		td, err := decodeRequest(wire)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		want, _ := FromTraces(td)
		got, summary, err := readAll(wire)
		if err != nil || summary.Refused.Total() > 0 || len(want) == 0 {
			t.Errorf("%s: %v %v", name, err, summary.Details)
		}
		requireSameSpans(t, want, got)
	}
}

// decodeRequest decodes as the collector's receiver does, which also moves spans from their fields' old numbers.
func decodeRequest(wire []byte) (ptrace.Traces, error) {
	request := ptraceotlp.NewExportRequest()
	err := request.UnmarshalProto(wire)
	return request.Traces(), err
}
