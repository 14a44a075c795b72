package remote

import "unsafe"

// A dictionary gives every string of a batch a place; the empty string has place 0 and is not in the list.
type dictionary struct {
	places map[string]uint32
	list   []string
	size   int // bytes of all strings in the list

	// seen finds strings that share their memory with one that came before, which most do: stores and decoders hand
	// out the same few strings over and over. That takes a tenth of the time of hashing the text.
	seen [1 << 10]sighting
}

type sighting struct {
	data  *byte
	size  int
	place uint32
}

func (d *dictionary) place(s string) uint32 {
	if s == "" {
		return 0
	}
	data := unsafe.StringData(s)
	slot := &d.seen[(uintptr(unsafe.Pointer(data))>>2^uintptr(len(s))<<5)%uintptr(len(d.seen))]
	if slot.data == data && slot.size == len(s) {
		return slot.place
	}
	place, known := d.places[s]
	if !known {
		if d.places == nil {
			d.places = map[string]uint32{}
		}
		d.list = append(d.list, s)
		d.size += len(s)
		place = uint32(len(d.list))
		d.places[s] = place
	}
	*slot = sighting{data, len(s), place}
	return place
}

// maxKept bounds the map that a dictionary keeps between batches: clearing costs what the largest batch took.
const maxKept = 1 << 16

func (d *dictionary) reset() {
	if len(d.places) > maxKept {
		d.places = nil
	} else {
		clear(d.places)
	}
	clear(d.list)
	d.list, d.size = d.list[:0], 0
	clear(d.seen[:])
}
