package storage

import (
	"encoding/binary"

	"github.com/slowtoken/slowtoken/analyzer"
)

// uuidOf returns a trace id as DuckDB holds a UUID: the low half, and the high half with its sign bit flipped, so that
// UUIDs sort as signed 128-bit numbers.
func uuidOf(id analyzer.TraceID) (low uint64, high int64) {
	return binary.BigEndian.Uint64(id[8:]), int64(binary.BigEndian.Uint64(id[:8]) ^ 1<<63)
}

func traceIDOf(low uint64, high int64) (id analyzer.TraceID) {
	binary.BigEndian.PutUint64(id[:8], uint64(high)^1<<63)
	binary.BigEndian.PutUint64(id[8:], low)
	return id
}

func numberOf(id analyzer.SpanID) uint64 { return binary.BigEndian.Uint64(id[:]) }

func spanIDOf(n uint64) (id analyzer.SpanID) {
	binary.BigEndian.PutUint64(id[:], n)
	return id
}

// buckets is how many parts a database can be read in; a part holds whole traces.
const buckets = 256

// bucketOf hashes a trace id. Ids are often random but need not be: some sources count, or fill half with zeros.
func bucketOf(id analyzer.TraceID) uint8 {
	h := binary.BigEndian.Uint64(id[:8])*0x9E3779B97F4A7C15 ^ binary.BigEndian.Uint64(id[8:])
	return uint8(h * 0xD6E8FEB86659FD93 >> 56)
}
