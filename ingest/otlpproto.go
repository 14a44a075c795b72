package ingest

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"google.golang.org/protobuf/encoding/protowire"
)

// A framing says what stands before each message of a protobuf file.
type framing uint8

const (
	bare         framing = iota // nothing: the file is one message, or several joined, which is the same
	fixedLength                 // its length in four bytes, big-endian, as the collector's file exporter writes
	varintLength                // its length as a varint
)

// ReasonBrokenProto counts protobuf messages that cannot be decoded, as a whole or in part.
const ReasonBrokenProto = "broken protobuf"

// ReasonTooLarge counts messages above the limit for one record.
const ReasonTooLarge = "message is larger than the limit for one record"

// readProto reads TracesData, ExportTraceServiceRequest, Tempo's Trace and their likes for metrics and logs, which all
// hold their records per resource in field 1. One such record is in memory at a time.
func (in *reading) readProto(r *bufio.Reader, f framing) error {
	in.format("OTLP protobuf")
	p := &protoReader{reading: in, r: r, wire: wireDecoder{interner: newInterner(), wanted: in.options.Attributes}}
	for {
		length := int64(-1)
		if f != bare {
			n, err := p.length(f)
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return p.broken(err)
			}
			length = n
		}
		done, err := p.message(length)
		if err != nil {
			return p.broken(err)
		}
		if done {
			return nil
		}
	}
}

type protoReader struct {
	*reading
	r      *bufio.Reader
	offset int64
	signal signal
	room   []byte
	wire   wireDecoder
}

// broken refuses the rest of a file in which no further message can be found.
func (p *protoReader) broken(err error) error {
	if p.stop != nil {
		return p.stop
	}
	if err == io.ErrUnexpectedEOF || err == errProto { //nolint:errorlint // not one of the file's own that wraps it
		p.refuseFor(fmt.Sprintf(" byte %d", p.offset), ReasonBrokenProto, 1, ReasonBrokenProto+": "+err.Error())
		return nil
	}
	return err
}

var errProto = errors.New("what follows is no OTLP message")

func (p *protoReader) length(f framing) (int64, error) {
	if f == fixedLength {
		var b [4]byte
		n, err := io.ReadFull(p.r, b[:])
		p.offset += int64(n)
		return int64(binary.BigEndian.Uint32(b[:])), err
	}
	n, err := p.varint()
	return int64(min(n, 1<<62)), err
}

// varint reads a varint; io.EOF when nothing is left.
func (p *protoReader) varint() (uint64, error) {
	start := p.offset
	v, err := binary.ReadUvarint(countingByteReader{p})
	if errors.Is(err, io.EOF) && p.offset > start {
		err = io.ErrUnexpectedEOF
	}
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF { //nolint:errorlint // as above: an archive's own error wraps it
		err = errProto // it does not end where a varint must
	}
	return v, err
}

type countingByteReader struct{ p *protoReader }

func (c countingByteReader) ReadByte() (byte, error) {
	b, err := c.p.r.ReadByte()
	if err == nil {
		c.p.offset++
	}
	return b, err
}

// message reads the fields of one message of the given length, or of all that is left when it is below zero. done says
// that the input ended.
func (p *protoReader) message(length int64) (done bool, err error) {
	end := p.offset + length
	for length < 0 || p.offset < end {
		tag, err := p.varint()
		if errors.Is(err, io.EOF) && length < 0 {
			return true, nil
		}
		if err != nil {
			return false, unexpected(err)
		}
		field, typ := protowire.DecodeTag(tag)
		if typ != protowire.BytesType || field != 1 {
			if err := p.skipField(field, typ); err != nil {
				return false, err
			}
			continue
		}
		n, err := p.varint()
		if err != nil {
			return false, unexpected(err)
		}
		if length >= 0 && int64(min(n, 1<<62)) > end-p.offset {
			return false, errProto
		}
		if err := p.record(n); err != nil {
			return false, err
		}
		if err := p.flush(batchSpans); err != nil {
			return false, err
		}
	}
	return false, nil
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (p *protoReader) skipField(field protowire.Number, typ protowire.Type) error {
	var n uint64
	var err error
	switch {
	case field <= 0:
		return errProto
	case typ == protowire.VarintType:
		_, err = p.varint()
	case typ == protowire.Fixed32Type:
		n = 4
	case typ == protowire.Fixed64Type:
		n = 8
	case typ == protowire.BytesType:
		n, err = p.varint()
	default:
		return errProto
	}
	if err != nil {
		return unexpected(err)
	}
	return p.discard(n)
}

func (p *protoReader) discard(n uint64) error {
	skipped, err := io.CopyN(io.Discard, p.r, int64(min(n, 1<<62)))
	p.offset += skipped
	return unexpected(err)
}

// record reads one record of n bytes, that of one resource.
func (p *protoReader) record(n uint64) error {
	where := fmt.Sprintf(" byte %d", p.offset)
	if n > uint64(p.options.MaxRecord) {
		p.refuse(where, ReasonTooLarge, 1)
		return p.discard(n)
	}
	record := p.room[:0] // what is decoded shares no memory with the message, so that one buffer serves all
	for len(record) < int(n) {
		step := min(int(n)-len(record), 16<<20) // a length that lies must not claim its memory at once
		record = slices.Grow(record, step)
		m, err := io.ReadFull(p.r, record[len(record):len(record)+step])
		record = record[:len(record)+m]
		p.offset += int64(m)
		if err != nil {
			p.decodeTraces(record, false).report(p.reading, where)
			return unexpected(err)
		}
	}
	p.room = record
	return p.decode(record, where)
}

// decode decodes a record as spans, and, when it holds none, as metrics or logs: their messages have the same outer
// layout. The signal that the last record had is tried first.
func (p *protoReader) decode(record []byte, where string) error {
	if p.signal == metrics || p.signal == logs {
		if done, err := p.decodeOther(record, p.signal); done || err != nil {
			return err
		}
	}
	spans := p.decodeTraces(record, true)
	if spans.kept == 0 && spans.broken > 0 {
		for _, signal := range []signal{metrics, logs} {
			if done, err := p.decodeOther(record, signal); done || err != nil {
				p.signal = signal
				return err
			}
		}
	}
	p.signal = traces
	spans.report(p.reading, where)
	return nil
}

// report counts the spans that were refused.
func (d decoded) report(in *reading, where string) {
	for _, reason := range d.refused.Reasons() {
		in.refuse(where, reason, d.refused[reason])
	}
}

func (p *protoReader) decodeTraces(record []byte, complete bool) decoded {
	d := decoded{spans: p.batch}
	p.wire.resourceSpans(record, complete, &d)
	d.kept = len(d.spans) - len(p.batch)
	p.batch = d.spans
	return d
}

// decodeOther decodes a record as metrics or logs; done is false when it is something else.
func (p *protoReader) decodeOther(record []byte, signal signal) (done bool, err error) {
	message := field(1, record)
	if _, err := checkProto(message, signal); err != nil {
		return false, nil
	}
	if signal == metrics {
		md, err := new(pmetric.ProtoUnmarshaler).UnmarshalMetrics(message)
		if err != nil {
			return false, nil
		}
		return true, p.points(md)
	}
	ld, err := new(plog.ProtoUnmarshaler).UnmarshalLogs(message)
	if err != nil {
		return false, nil
	}
	p.summary.Logs += ld.LogRecordCount()
	return true, nil
}

func field(number protowire.Number, contents []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), contents)
}
