package remote

import (
	"encoding/binary"
	"math"
	"unsafe"

	"github.com/slowtoken/slowtoken/analyzer"
)

// value builds a value from its kind and payload; the items of an array or map are next in the composites.
func (d *decoder) value(kind analyzer.ValueKind, payload uint64, depth int) (analyzer.Value, error) {
	switch kind {
	case analyzer.KindEmpty:
		return analyzer.Value{}, nil
	case analyzer.KindString, analyzer.KindBytes:
		if payload >= uint64(len(d.strings)) {
			return analyzer.Value{}, damaged("string %d of %d", payload, len(d.strings))
		}
		s := d.strings[payload]
		if kind == analyzer.KindString {
			return analyzer.String(s), nil
		}
		return analyzer.Bytes(unsafe.Slice(unsafe.StringData(s), len(s))), nil // which copies
	case analyzer.KindBool:
		return analyzer.Bool(payload != 0), nil
	case analyzer.KindInt:
		return analyzer.Int(int64(payload)), nil
	case analyzer.KindDouble:
		return analyzer.Double(math.Float64frombits(payload)), nil
	case analyzer.KindArray, analyzer.KindMap:
		if depth >= maxDepth {
			return analyzer.Value{}, damaged("a value nests deeper than %d levels", maxDepth)
		}
		return d.composite(kind, payload, depth)
	}
	return analyzer.Value{}, damaged("value of kind %d", kind)
}

func (d *decoder) composite(kind analyzer.ValueKind, count uint64, depth int) (analyzer.Value, error) {
	if count > uint64(len(d.composites)) { // an item has at least one byte
		return analyzer.Value{}, damaged("%d items in %d bytes", count, len(d.composites))
	}
	if kind == analyzer.KindArray {
		list := make([]analyzer.Value, count)
		for i := range list {
			var err error
			if list[i], err = d.item(depth); err != nil {
				return analyzer.Value{}, err
			}
		}
		return analyzer.Array(list), nil
	}
	attributes := make(analyzer.Attributes, count)
	for i := range attributes {
		key, err := d.uvarint()
		if err != nil {
			return analyzer.Value{}, err
		}
		if key >= uint64(len(d.strings)) {
			return analyzer.Value{}, damaged("key %d of %d", key, len(d.strings))
		}
		attributes[i].Key = d.strings[key]
		if attributes[i].Value, err = d.item(depth); err != nil {
			return analyzer.Value{}, err
		}
	}
	return analyzer.Map(attributes), nil
}

func (d *decoder) item(depth int) (analyzer.Value, error) {
	if len(d.composites) == 0 {
		return analyzer.Value{}, damaged("an array or map ends early")
	}
	kind := analyzer.ValueKind(d.composites[0])
	d.composites = d.composites[1:]
	var payload uint64
	switch kind {
	case analyzer.KindInt, analyzer.KindDouble:
		if len(d.composites) < 8 {
			return analyzer.Value{}, damaged("a number ends early")
		}
		payload, d.composites = binary.LittleEndian.Uint64(d.composites), d.composites[8:]
	case analyzer.KindEmpty:
	default:
		var err error
		if payload, err = d.uvarint(); err != nil {
			return analyzer.Value{}, err
		}
	}
	return d.value(kind, payload, depth+1)
}

func (d *decoder) uvarint() (uint64, error) {
	v, n := binary.Uvarint(d.composites)
	if n <= 0 {
		return 0, damaged("a number ends early")
	}
	d.composites = d.composites[n:]
	return v, nil
}
