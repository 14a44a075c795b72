package ingest

import "hash/maphash"

// An interner returns the same string again for short texts that were met lately: keys and most values of spans
// repeat, and holding a million spans is then mostly holding what differs.
type interner struct {
	seed  maphash.Seed
	slots []string
}

const (
	internedSlots = 1 << 12
	internedBytes = 64 // longer texts are rarely the same twice
)

func newInterner() interner {
	return interner{seed: maphash.MakeSeed(), slots: make([]string, internedSlots)}
}

// text returns b as a string.
func (t *interner) text(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	if len(b) > internedBytes {
		return string(b)
	}
	slot := &t.slots[maphash.Bytes(t.seed, b)%internedSlots]
	if *slot != string(b) {
		*slot = string(b)
	}
	return *slot
}
