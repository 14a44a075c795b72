package storage

// An interner gives equal strings of one column the same memory, and gives up on a column whose strings are mostly
// different: a table of them would only cost time and memory.
type interner struct {
	table  map[string]string
	hits   int
	misses int
}

const (
	internSample = 4096 // strings after which a column is judged
	internLength = 128  // longer strings are not worth a table
)

func newInterner() *interner { return &interner{table: map[string]string{}} }

func (n *interner) text(b []byte) string {
	if n.table == nil || len(b) > internLength {
		return string(b)
	}
	if s, ok := n.table[string(b)]; ok {
		n.hits++
		return s
	}
	n.misses++
	if n.misses >= internSample && n.misses > n.hits/4 {
		n.table = nil
		return string(b)
	}
	s := string(b)
	n.table[s] = s
	return s
}
