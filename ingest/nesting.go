package ingest

import (
	"bytes"
	"errors"
	"fmt"
)

// Limits on the shape of one OTLP message. The decoder recurses into attribute values without a bound: 20 MiB of
// nested arrays, which compress to a few kB, need over 1 GB of stack, and Go ends the whole process there. And an
// empty span takes 2 bytes on the wire and over 200 in memory.
const (
	// MaxValueDepth is how deep arrays and maps may nest in one attribute value. A span with a deeper one is refused by
	// itself.
	MaxValueDepth = 64
	// maxDecodeDepth is how deep they may nest for the message to be decoded at all.
	maxDecodeDepth = 512
	// MaxMessageRecords is how many events, links, attributes and values one span read from a file may hold together. For
	// what is received, maxRecords goes by the size of the message.
	MaxMessageRecords = 2 << 20

	// Around a value stand at most 16 levels of JSON, and each of its own levels takes 4.
	maxJSONDepth       = 16 + 4*MaxValueDepth
	maxDecodeJSONDepth = 16 + 4*maxDecodeDepth
)

// maxRecords is how many spans, events, links, points, log records and attributes one message may hold together. The
// smallest real ones take 10 bytes and more.
func maxRecords(message []byte) int { return 64<<10 + len(message)/8 }

// A signal is what an OTLP message carries.
type signal uint8

const (
	anySignal signal = iota
	traces
	metrics
	logs
)

// fields are messages by field number; OTLP numbers those that matter here below 16.
type fields [16]*shape

// A shape says which fields of a protobuf message hold messages, and which of those the check must look into.
type shape struct {
	fields fields
	record bool  // counts towards maxRecords
	level  bool  // counts towards maxDecodeDepth
	bytes  int64 // that it takes decoded, beside its texts
}

// The shapes of OTLP's messages, as far as attribute values hang below them. Field numbers are those of
// opentelemetry-proto, which never change.
var (
	valueShape    = &shape{level: true, bytes: 40}
	keyValueShape = &shape{record: true, bytes: 24, fields: fields{2: valueShape}}

	spanShape = &shape{record: true, bytes: 320, fields: fields{
		9:  keyValueShape,
		11: {record: true, bytes: 128, fields: fields{3: keyValueShape}}, // events
		13: {record: true, bytes: 128, fields: fields{4: keyValueShape}}, // links
	}}
	logShape = &shape{record: true, bytes: 256, fields: fields{5: valueShape, 6: keyValueShape}}

	exemplarShape = &shape{record: true, bytes: 160, fields: fields{7: keyValueShape}}
	numberPoints  = pointsShape(fields{7: keyValueShape, 5: exemplarShape})
	metricShape   = &shape{record: true, bytes: 256, fields: fields{
		5:  numberPoints,                                                        // gauge
		7:  numberPoints,                                                        // sum
		9:  pointsShape(fields{9: keyValueShape, 8: exemplarShape}),             // histogram
		10: pointsShape(fields{1: keyValueShape, 11: exemplarShape}),            // exponential histogram
		11: pointsShape(fields{7: keyValueShape, 6: {record: true, bytes: 64}}), // summary and its quantiles
		12: keyValueShape,                                                       // metadata
	}}

	requestShapes = [...]*shape{traces: requestShape(spanShape), metrics: requestShape(metricShape), logs: requestShape(logShape)}
)

func init() { // a value holds values
	valueShape.fields = fields{
		5: {fields: fields{1: valueShape}},    // array
		6: {fields: fields{1: keyValueShape}}, // map
	}
}

func pointsShape(point fields) *shape {
	return &shape{fields: fields{1: {record: true, bytes: 512, fields: point}}}
}

func requestShape(item *shape) *shape {
	attributes := &shape{record: true, bytes: 128, fields: fields{1: keyValueShape}} // resource
	scope := &shape{record: true, bytes: 128, fields: fields{3: keyValueShape}}      // scope
	scoped := &shape{record: true, bytes: 128, fields: fields{1: scope, 2: item}}    // ScopeSpans and its like
	return &shape{fields: fields{1: {record: true, bytes: 128, fields: fields{1: attributes, 2: scoped}}}}
}

// checkProto reports whether decoding message stays within the limits, and about how many bytes the message takes decoded.
// It looks at nothing else: a message that is not well-formed passes, for the decoder to refuse in its own words.
func checkProto(message []byte, sig signal) (size int64, err error) {
	if sig != anySignal {
		return checkShape(message, requestShapes[sig])
	}
	for _, s := range requestShapes[traces:] {
		one, err := checkShape(message, s)
		if err != nil {
			return 0, err
		}
		size = max(size, one)
	}
	return size, nil
}

// checkShape walks message without recursion, in the order in which the decoder does.
func checkShape(message []byte, top *shape) (size int64, err error) {
	type frame struct {
		end   int
		shape *shape
	}
	stack := make([]frame, 0, 64)
	end, current := len(message), top
	depth, records, pos := 0, maxRecords(message), 0
	size = int64(len(message))
	for {
		if pos >= end {
			if current.level {
				depth--
			}
			if len(stack) == 0 {
				return size, nil
			}
			end, current = stack[len(stack)-1].end, stack[len(stack)-1].shape
			stack = stack[:len(stack)-1]
			continue
		}
		tag, n := uvarint(message[pos:end])
		if n <= 0 {
			return size, nil
		}
		pos += n
		switch tag & 7 {
		case 0:
			if _, n = uvarint(message[pos:end]); n <= 0 {
				return size, nil
			}
			pos += n
		case 1:
			pos += 8
		case 5:
			pos += 4
		case 2:
			length, n := uvarint(message[pos:end])
			if n <= 0 || length > uint64(end-pos-n) {
				return size, nil
			}
			pos += n
			var inner *shape
			if field := uint32(tag >> 3); field < uint32(len(current.fields)) { // the decoder cuts to 32 bits, too
				inner = current.fields[field]
			}
			if inner == nil {
				pos += int(length)
				continue
			}
			size += inner.bytes
			if inner.record {
				if records--; records < 0 {
					return 0, tooManyRecords(message)
				}
			}
			if inner.level {
				if depth++; depth > maxDecodeDepth {
					return 0, tooDeep()
				}
			}
			stack = append(stack, frame{end, current})
			end, current = pos+int(length), inner
		case 3, 4: // groups: the decoder skips them without recursion; what follows may still hold values
		default:
			return size, nil
		}
	}
}

// uvarint reads a varint exactly as the decoder does: binary.Uvarint refuses bits beyond the 64th, the decoder ignores
// them, and a check that stops where the decoder goes on checks nothing.
func uvarint(b []byte) (value uint64, n int) {
	if len(b) > 0 && b[0] < 0x80 {
		return uint64(b[0]), 1
	}
	return longUvarint(b)
}

func longUvarint(b []byte) (value uint64, n int) {
	for shift := uint(0); shift < 64 && n < len(b); shift += 7 {
		c := b[n]
		n++
		value |= uint64(c&0x7f) << shift
		if c < 0x80 {
			return value, n
		}
	}
	return 0, 0
}

// jsonObjectBytes is about what an object of OTLP/JSON takes decoded, beside its texts: most are attributes and their values.
const jsonObjectBytes = 64

// checkJSON is [checkProto] for OTLP/JSON, whose levels are brackets. Every record is an object, and an attribute two.
func checkJSON(message []byte, _ signal) (size int64, err error) {
	if start := bytes.TrimLeft(message, " \t\r\n"); len(start) > 0 && start[0] != '{' {
		// The receiver quotes what it could not read in its answer, which then cannot be sent, and answers 500.
		return 0, errors.New("the message is sent as JSON and is no JSON object: does the Content-Type fit?")
	}
	depth, records := 0, 2*maxRecords(message)
	size = int64(len(message))
	for i := 0; i < len(message); i++ {
		switch message[i] {
		case '"':
			for i++; i < len(message); i++ {
				next := bytes.IndexByte(message[i:], '"')
				if next < 0 {
					return size, nil
				}
				i += next
				if backslashes(message[:i])%2 == 0 {
					break
				}
			}
		case '{':
			size += jsonObjectBytes
			if records--; records < 0 {
				return 0, tooManyRecords(message)
			}
			fallthrough
		case '[':
			if depth++; depth > maxDecodeJSONDepth {
				return 0, tooDeep()
			}
		case '}', ']':
			depth = max(0, depth-1)
		}
	}
	return size, nil
}

// backslashes counts the ones at the end of b.
func backslashes(b []byte) (n int) {
	for n < len(b) && b[len(b)-1-n] == '\\' {
		n++
	}
	return n
}

func tooDeep() error {
	return fmt.Errorf("an attribute value nests deeper than %d levels of arrays and maps", maxDecodeDepth)
}

func tooManyRecords(message []byte) error {
	return fmt.Errorf("the message holds more than %d spans, events, links, points and attributes in %d bytes, which no "+
		"real ones fit into", maxRecords(message), len(message))
}
