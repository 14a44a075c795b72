package ingest

import (
	"encoding/binary"

	"google.golang.org/protobuf/encoding/protowire"
)

// A wireField is one field of a protobuf message. Which of value and body holds something depends on typ.
type wireField struct {
	number protowire.Number
	typ    protowire.Type
	value  uint64
	body   []byte
}

// is reports whether f is the field of that number; ok becomes false when its type is not what OTLP says.
func (f *wireField) is(number protowire.Number, typ protowire.Type, ok *bool) bool {
	if f.number != number {
		return false
	}
	if f.typ != typ {
		*ok = false
	}
	return f.typ == typ
}

// nextField splits a message behind its first field. It is the inner loop of reading protobuf, so the common case of
// tags and lengths in one byte comes first. What cannot be split has a rest of nil and is not ok.
func nextField(b []byte) (f wireField, rest []byte, ok bool) {
	tag := uint64(b[0])
	n := 1
	if tag >= 0x80 {
		if tag, n = binary.Uvarint(b); n <= 0 {
			return wireField{}, nil, false
		}
	}
	number, typ := protowire.DecodeTag(tag)
	if number < 1 {
		return wireField{}, nil, false
	}
	f.number, f.typ = number, typ
	b = b[n:]
	switch typ {
	case protowire.BytesType:
		if len(b) == 0 {
			return f, nil, false
		}
		length := uint64(b[0])
		n := 1
		if length >= 0x80 {
			if length, n = binary.Uvarint(b); n <= 0 {
				return f, nil, false
			}
		}
		if b = b[n:]; length > uint64(len(b)) {
			f.body = b // what there is of it
			return f, nil, false
		}
		f.body = b[:length:length]
		return f, b[length:], true
	case protowire.VarintType:
		value, n := binary.Uvarint(b)
		if n <= 0 {
			return f, nil, false
		}
		f.value = value
		return f, b[n:], true
	case protowire.Fixed64Type:
		if len(b) < 8 {
			return f, nil, false
		}
		f.value = binary.LittleEndian.Uint64(b)
		return f, b[8:], true
	case protowire.Fixed32Type:
		if len(b) < 4 {
			return f, nil, false
		}
		f.value = uint64(binary.LittleEndian.Uint32(b))
		return f, b[4:], true
	}
	if n := protowire.ConsumeFieldValue(number, typ, b); n >= 0 {
		return f, b[n:], true
	}
	return f, nil, false
}
