package ingest

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
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
	p := &protoReader{reading: in, r: r}
	for {
		length := int64(-1)
		if f != bare {
			n, err := p.length(f)
			if err == io.EOF {
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
		if err := in.flush(batchSpans); err != nil {
			return err
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
}

// broken refuses the rest of a file in which no further message can be found.
func (p *protoReader) broken(err error) error {
	if p.stop != nil {
		return p.stop
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, errProto) {
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
	if err == io.EOF && p.offset > start {
		err = io.ErrUnexpectedEOF
	}
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
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
		if err == io.EOF && length < 0 {
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
	}
	return false, nil
}

func unexpected(err error) error {
	if err == io.EOF {
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
	// The decoded strings share no memory with the message, so that one buffer serves all.
	head := protowire.AppendVarint([]byte{0x0a}, n)
	wire := append(p.room[:0], head...)
	got := 0
	for got < int(n) { // a length that lies must not claim its memory at once
		step := min(int(n)-got, 16<<20)
		wire = append(wire, make([]byte, step)...)
		m, err := io.ReadFull(p.r, wire[len(head)+got:])
		got += m
		p.offset += int64(m)
		if err != nil {
			err = unexpected(err)
			if errors.Is(err, io.ErrUnexpectedEOF) {
				p.salvage(wire[len(head):len(head)+got], false, where)
			}
			return err
		}
	}
	p.room = wire
	return p.decode(wire, where)
}

// decode reads a message with one record. The signal that the last one had is tried first.
func (p *protoReader) decode(wire []byte, where string) error {
	var firstErr error
	for _, signal := range []signal{p.signal, traces, metrics, logs} {
		if signal == anySignal {
			continue
		}
		err := checkProto(wire, signal)
		if err == nil {
			switch signal {
			case traces:
				err = p.decodeTraces(wire, where)
			case metrics:
				err = p.decodeMetrics(wire)
			case logs:
				var ld plog.Logs
				if ld, err = new(plog.ProtoUnmarshaler).UnmarshalLogs(wire); err == nil {
					p.summary.Logs += ld.LogRecordCount()
				}
			}
		}
		if p.stop != nil {
			return p.stop
		}
		if err == nil {
			p.signal = signal
			return nil
		}
		if firstErr == nil {
			firstErr = err
		}
	}
	record := wire[protowire.SizeTag(1):]
	record, _ = protowire.ConsumeBytes(record)
	p.salvage(record, true, where)
	return nil
}

func (p *protoReader) decodeTraces(wire []byte, where string) error {
	td, err := new(ptrace.ProtoUnmarshaler).UnmarshalTraces(wire)
	if err != nil {
		return err
	}
	spans, refused := FromTraces(td)
	for _, reason := range refused.Reasons() {
		p.refuse(where, reason, refused[reason])
	}
	if p.batch == nil {
		p.batch = spans
	} else {
		p.batch = append(p.batch, spans...)
	}
	return nil
}

func (p *protoReader) decodeMetrics(wire []byte) error {
	md, err := new(pmetric.ProtoUnmarshaler).UnmarshalMetrics(wire)
	if err != nil {
		return err
	}
	return p.points(md)
}
