package storage

import (
	"encoding/binary"
	"strings"
	"unicode/utf8"

	"github.com/slowtoken/slowtoken/analyzer"
)

// A dictionary is what the writer knows of the tables whose rows spans refer to by number. Content that is not there yet
// gets the next number and waits in the added lists for the commit of the spans that brought it.
type dictionary struct {
	hot       []hotColumn
	resources table[*analyzer.Resource]
	scopes    table[*analyzer.Scope]
	shapes    table[*shape]
	whole     *shape // of spans whose shape found no place; nil until one did

	key      []byte // scratch
	replaced int    // strings that were not UTF-8
}

// A table numbers contents from 1.
type table[T any] struct {
	ids   map[string]uint32
	items []T      // by number - 1
	keys  []string // likewise
	saved int      // how many of items are committed
}

// add returns the number of the content with that key, and whether it is new. build is called for new content.
func (t *table[T]) add(key []byte, build func(id uint32) T) uint32 {
	if id, ok := t.ids[string(key)]; ok {
		return id
	}
	if t.ids == nil {
		t.ids = map[string]uint32{}
	}
	id := uint32(len(t.items) + 1)
	k := string(key)
	t.ids[k] = id
	t.keys = append(t.keys, k)
	t.items = append(t.items, build(id))
	return id
}

// added are the items that no commit holds yet.
func (t *table[T]) added() []T { return t.items[t.saved:] }

// commit and rollback settle what was added.
func (t *table[T]) commit() { t.saved = len(t.items) }

// commitAndForget is commit for contents that are needed by number only from then on. They may hang on the memory of the
// message that brought them.
func (t *table[T]) commitAndForget() {
	clear(t.items[t.saved:])
	t.commit()
}

func (t *table[T]) rollback() {
	for _, key := range t.keys[t.saved:] {
		delete(t.ids, key)
	}
	t.items, t.keys = t.items[:t.saved], t.keys[:t.saved]
}

func (d *dictionary) commit() {
	d.resources.commitAndForget()
	d.scopes.commitAndForget()
	d.shapes.commit()
}

func (d *dictionary) rollback() {
	d.resources.rollback()
	d.scopes.rollback()
	d.shapes.rollback()
	if d.whole != nil && int(d.whole.id) > d.shapes.saved {
		d.whole = nil
	}
}

func (d *dictionary) resource(r *analyzer.Resource) uint32 {
	d.key = d.appendResourceKey(d.key[:0], r)
	return d.resources.add(d.key, func(uint32) *analyzer.Resource { return r })
}

func (d *dictionary) appendResourceKey(dst []byte, r *analyzer.Resource) []byte {
	dst = binary.AppendUvarint(dst, uint64(r.DroppedAttributes))
	dst = appendKeyPart(dst, r.SchemaURL)
	return appendTypedMap(dst, r.Attributes, &d.replaced)
}

func (d *dictionary) scope(s *analyzer.Scope) uint32 {
	d.key = d.appendScopeKey(d.key[:0], s)
	return d.scopes.add(d.key, func(uint32) *analyzer.Scope { return s })
}

func (d *dictionary) appendScopeKey(dst []byte, s *analyzer.Scope) []byte {
	dst = binary.AppendUvarint(dst, uint64(s.DroppedAttributes))
	dst = appendKeyPart(dst, s.SchemaURL)
	dst = appendKeyPart(dst, s.Name)
	dst = appendKeyPart(dst, s.Version)
	return appendTypedMap(dst, s.Attributes, &d.replaced)
}

func appendKeyPart(dst []byte, s string) []byte {
	s = strings.ToValidUTF8(s, "\uFFFD")
	dst = binary.AppendUvarint(dst, uint64(len(s)))
	return append(dst, s...)
}

// shape returns where the values of attrs go.
func (d *dictionary) shape(attrs analyzer.Attributes) *shape {
	d.key = appendShapeKey(d.key[:0], attrs)
	if id, ok := d.shapes.ids[string(d.key)]; ok {
		return d.shapes.items[id-1]
	}
	if !utf8.Valid(d.key) {
		if clean, changed := cleanKeys(attrs); changed {
			d.replaced++
			return d.shape(clean)
		}
	}
	if len(d.shapes.items) >= maxShapes {
		if d.whole == nil {
			id := d.shapes.add(wholeKey, wholeShape)
			d.whole = d.shapes.items[id-1]
		}
		return d.whole
	}
	id := d.shapes.add(d.key, func(id uint32) *shape { return newShape(id, attrs, d.hot) })
	return d.shapes.items[id-1]
}

// cleanKeys replaces what is not UTF-8 in keys by U+FFFD.
func cleanKeys(attrs analyzer.Attributes) (clean analyzer.Attributes, changed bool) {
	clean = make(analyzer.Attributes, len(attrs))
	for i, a := range attrs {
		clean[i] = analyzer.Attribute{Key: strings.ToValidUTF8(a.Key, "\uFFFD"), Value: a.Value}
		changed = changed || clean[i].Key != a.Key
	}
	return clean, changed
}

// wholeKey is the key of the whole shape: an empty key of a kind that no value has.
var wholeKey = []byte{0, byte(slotAll)}
