package storage

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/slowtoken/slowtoken/analyzer"
)

// A slot says where a span's row keeps the value of one attribute. Its names are the values of attribute_shapes.slots.
type slot uint8

const (
	slotEmpty slot = iota // nowhere: the value is empty
	slotString
	slotBool
	slotInt
	slotDouble
	slotBytes
	slotJSON // arrays and maps
	slotHot  // a column of its own
	slotAll  // one map with all attributes of the span
	numSlots
)

var slotNames = [numSlots]string{"empty", "string", "bool", "int", "double", "bytes", "json", "hot", "all"}

func parseSlot(name string) (slot, error) {
	for i, n := range slotNames {
		if n == name {
			return slot(i), nil
		}
	}
	return 0, fmt.Errorf("attribute slot %q is unknown to this slowtoken", name)
}

var slotOfKind = [...]slot{
	analyzer.KindEmpty: slotEmpty, analyzer.KindString: slotString, analyzer.KindBool: slotBool, analyzer.KindInt: slotInt,
	analyzer.KindDouble: slotDouble, analyzer.KindBytes: slotBytes, analyzer.KindArray: slotJSON, analyzer.KindMap: slotJSON,
}

// maxShapes bounds the shapes of a database: a source that puts ids into its keys would add one a span. Spans with
// shapes beyond it keep their attributes in one map.
const maxShapes = 50_000

// A place is where one attribute of a shape is.
type place struct {
	key    string
	slot   slot
	hot    int  // which hot column, for slotHot
	wanted bool // whether analysis reads the key
}

// A shape is a sequence of attribute keys and types.
type shape struct {
	id     uint32
	places []place

	// elsewhere: analysis reads a key whose value is in no hot column: the key has none, the value has another type than
	// the column, or the key repeats. Analysis has to look at the lists of such spans.
	elsewhere bool
}

// wantedKeys are the attribute keys that analysis reads.
var wantedKeys = func() map[string]bool {
	keys := map[string]bool{}
	for _, h := range analyzer.HotAttributes {
		keys[h.Key] = true
	}
	for _, key := range analyzer.AnalysisKeys {
		keys[key] = true
	}
	return keys
}()

// A hotColumn is a column of spans that holds one hot attribute.
type hotColumn struct {
	analyzer.HotAttribute
	column string
}

// columnName is the name of the column that holds a hot attribute.
func columnName(key string) string { return strings.ReplaceAll(key, ".", "_") }

// newShape decides where the values of attrs go.
func newShape(id uint32, attrs analyzer.Attributes, hot []hotColumn) *shape {
	s := &shape{id: id, places: make([]place, len(attrs))}
	used := make([]bool, len(hot))
	for i, a := range attrs {
		p := place{key: strings.Clone(a.Key), slot: slotOfKind[a.Value.Kind()], wanted: wantedKeys[a.Key]}
		if h := hotIndex(hot, a.Key); h >= 0 && hot[h].Kind == a.Value.Kind() && !used[h] {
			p.slot, p.hot, used[h] = slotHot, h, true
		}
		s.elsewhere = s.elsewhere || p.wanted && p.slot != slotHot
		s.places[i] = p
	}
	return s
}

// wholeShape is the shape of spans that keep all attributes in one map.
func wholeShape(id uint32) *shape {
	return &shape{id: id, places: []place{{key: "*", slot: slotAll}}, elsewhere: true}
}

func hotIndex(hot []hotColumn, key string) int {
	for i := range hot {
		if hot[i].Key == key {
			return i
		}
	}
	return -1
}

// appendShapeKey appends what makes a shape: every key and kind, in order.
func appendShapeKey(dst []byte, attrs analyzer.Attributes) []byte {
	for i := range attrs {
		dst = binary.AppendUvarint(dst, uint64(len(attrs[i].Key)))
		dst = append(dst, attrs[i].Key...)
		kind := attrs[i].Value.Kind()
		if kind == analyzer.KindMap {
			kind = analyzer.KindArray // JSON tells the two apart
		}
		dst = append(dst, byte(kind))
	}
	return dst
}

// listKeys returns the keys of the values in one of the lists, made unique for maps: of a repeated key the last keeps its
// name, because the last one wins, and earlier ones get #1, #2 and so on.
func (s *shape) listKeys(in ...slot) []string {
	keys := []string{}
	last := map[string]int{}
	for _, p := range s.places {
		for _, want := range in {
			if p.slot == want {
				last[p.key] = len(keys)
				keys = append(keys, p.key)
			}
		}
	}
	taken := map[string]bool{}
	for key := range last {
		taken[key] = true
	}
	for i, key := range keys {
		for n := 1; last[key] != i && taken[keys[i]]; n++ {
			keys[i] = fmt.Sprintf("%s#%d", key, n)
		}
		taken[keys[i]] = true
	}
	return keys
}
