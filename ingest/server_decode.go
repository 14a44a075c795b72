package ingest

import (
	"fmt"
	"sync"
	"unsafe"

	"go.opentelemetry.io/collector/pdata/ptrace"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/slowtoken/slowtoken/analyzer"
)

// The receiver decodes a request into pdata before anybody sees it, which costs more than all else that receiving does.
// So the guard puts a protobuf request of traces into an envelope, which is a request with one span whose name is the
// whole message: the receiver decodes that at the price of one copy, and the consumer opens it and decodes the message
// straight into spans.

// envelopeHead returns what stands before a message of n bytes to make an envelope of it.
func envelopeHead(n int) []byte {
	const outer = 4 * (1 + 10) // tags and lengths
	head := make([]byte, 0, outer)
	name := field5.size(n)
	span := field2.size(name)
	scope := field2.size(span)
	head = field1.open(head, scope)
	head = field2.open(head, span)
	head = field2.open(head, name)
	return field5.open(head, n)
}

// An embedded is the number of a field that holds bytes.
type embedded protowire.Number

const (
	field1 embedded = 1 // of a request: resource_spans
	field2 embedded = 2 // of them: scope_spans; of those: spans
	field5 embedded = 5 // of a span: name
)

func (f embedded) size(n int) int {
	return protowire.SizeTag(protowire.Number(f)) + protowire.SizeBytes(n)
}

func (f embedded) open(dst []byte, n int) []byte {
	return protowire.AppendVarint(protowire.AppendTag(dst, protowire.Number(f), protowire.BytesType), uint64(n))
}

// opened returns the message in an envelope.
func opened(td ptrace.Traces) string {
	return td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Name()
}

var requestDecoders = sync.Pool{New: func() any { return &wireDecoder{shared: true} }}

// decodeTraces decodes an ExportTraceServiceRequest. Strings of the spans are parts of message. What it cannot decode is
// left to the collector's decoder, which has the last word on what is no request.
func decodeTraces(message string) ([]analyzer.Span, Refusals, error) {
	b := unsafe.Slice(unsafe.StringData(message), len(message))
	if d := decodeWire(b); d.broken == 0 {
		return d.spans, d.refused, nil
	}
	td, err := new(ptrace.ProtoUnmarshaler).UnmarshalTraces(b)
	if err != nil {
		return nil, nil, fmt.Errorf("decode the traces request: %w", err)
	}
	spans, refused := FromTraces(td)
	return spans, refused, nil
}

func decodeWire(message []byte) (d decoded) {
	w := requestDecoders.Get().(*wireDecoder)
	defer requestDecoders.Put(w)
	d.spans = make([]analyzer.Span, 0, len(message)/spanBytes+1)
	for len(message) > 0 && d.broken == 0 {
		f, rest, ok := nextField(message)
		if f.is(1, bytesType, &ok) && ok {
			w.resourceSpans(f.body, true, &d)
		}
		if !ok {
			d.lose(1)
		}
		message = rest
	}
	return d
}

// spanBytes is what a span takes at least in most messages; it sizes the slice of spans.
const spanBytes = 256
