package storage

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
	"unsafe"

	bindings "github.com/duckdb/duckdb-go-bindings"
	"github.com/duckdb/duckdb-go/v2/mapping"
)

// chunkRows is how many rows DuckDB puts in a chunk.
const chunkRows = 2048

// An appender adds chunks of rows to a table, within its connection's transaction.
type appender struct {
	a     mapping.Appender
	types []mapping.LogicalType
	d     mapping.DataChunk
	cols  []*vector
	row   int // rows in the open chunk

	replaced int // strings that were not UTF-8
}

func newAppender(c *conn, table string) (*appender, error) {
	a := &appender{}
	if mapping.AppenderCreateExt(c.c, "", "main", table, &a.a) != mapping.StateSuccess {
		err := fmt.Errorf("append to table %s: %s", table, mapping.AppenderError(a.a))
		mapping.AppenderDestroy(&a.a)
		return nil, err
	}
	n := mapping.AppenderColumnCount(a.a)
	for i := range n {
		a.types = append(a.types, mapping.AppenderColumnType(a.a, i))
	}
	a.begin()
	return a, nil
}

// begin starts an empty chunk. A new one costs less than to trust that every nested vector of a used one is clean.
func (a *appender) begin() {
	a.d = mapping.CreateDataChunk(a.types)
	a.row = 0
	if a.cols == nil {
		for range a.types {
			a.cols = append(a.cols, &vector{a: a})
		}
	}
	for i, col := range a.cols {
		col.reset(mapping.DataChunkGetVector(a.d, mapping.IdxT(i)))
	}
}

// next ends a row, and the chunk when it is full.
func (a *appender) next() error {
	a.row++
	if a.row < chunkRows {
		return nil
	}
	return a.send()
}

func (a *appender) send() error {
	if a.row == 0 {
		return nil
	}
	for _, col := range a.cols {
		col.seal()
	}
	mapping.DataChunkSetSize(a.d, mapping.IdxT(a.row))
	state := mapping.AppendDataChunk(a.a, a.d)
	mapping.DestroyDataChunk(&a.d)
	a.begin()
	if state != mapping.StateSuccess {
		return errors.New(mapping.AppenderError(a.a))
	}
	return nil
}

// flush hands all rows to the transaction.
func (a *appender) flush() error {
	if err := a.send(); err != nil {
		return err
	}
	if mapping.AppenderFlush(a.a) != mapping.StateSuccess {
		return errors.New(mapping.AppenderError(a.a))
	}
	return nil
}

// destroy hands rows that were not flushed to the transaction, which is being rolled back then.
func (a *appender) destroy() {
	mapping.DestroyDataChunk(&a.d)
	for i := range a.types {
		mapping.DestroyLogicalType(&a.types[i])
	}
	mapping.AppenderDestroy(&a.a)
}

// A vector is one column of the chunk that is being written, or the items of a list, or a member of a struct. Unlike
// top-level columns, items are written in the order they come: push adds one.
type vector struct {
	a     *appender
	v     mapping.Vector
	data  unsafe.Pointer
	valid unsafe.Pointer // bits of the rows that are not NULL; nil while none is NULL

	child   *vector // of a list
	n, room int     // of a list's items
	members []*vector
}

func (v *vector) reset(to mapping.Vector) {
	v.v, v.n, v.room = to, 0, 0
	v.point()
	if v.child != nil {
		v.child.reset(mapping.ListVectorGetChild(to))
	}
	for i, m := range v.members {
		m.reset(mapping.StructVectorGetChild(to, mapping.IdxT(i)))
	}
}

// point reads the addresses of the vector's memory, which move when it grows.
func (v *vector) point() {
	v.data, v.valid = mapping.VectorGetData(v.v), mapping.VectorGetValidity(v.v)
}

// items makes v a list column and returns its items.
func (v *vector) items() *vector {
	if v.child == nil {
		v.child = &vector{a: v.a}
		v.child.reset(mapping.ListVectorGetChild(v.v))
	}
	return v.child
}

// fields makes v a struct column with n members and returns them.
func (v *vector) fields(n int) []*vector {
	for i := len(v.members); i < n; i++ {
		m := &vector{a: v.a}
		m.reset(mapping.StructVectorGetChild(v.v, mapping.IdxT(i)))
		v.members = append(v.members, m)
	}
	return v.members
}

func (v *vector) repoint() {
	v.point()
	for _, m := range v.members {
		m.repoint()
	}
}

// open starts a list of n items in a row and returns the place of the first one.
func (v *vector) open(row, n int) int {
	from := v.n
	put(v, row, [2]uint64{uint64(from), uint64(n)})
	v.n += n
	if v.n > v.room {
		v.room = max(2*v.room, v.n, chunkRows)
		mapping.ListVectorReserve(v.v, mapping.IdxT(v.room))
		v.child.repoint()
	}
	return from
}

// seal tells DuckDB how many items the lists hold.
func (v *vector) seal() {
	if v.child != nil {
		mapping.ListVectorSetSize(v.v, mapping.IdxT(v.n))
		v.child.seal()
	}
	for _, m := range v.members {
		m.seal()
	}
}

// null makes a row NULL.
func (v *vector) null(row int) {
	if v.valid == nil {
		mapping.VectorEnsureValidityWritable(v.v)
		v.valid = mapping.VectorGetValidity(v.v)
	}
	*(*uint64)(unsafe.Add(v.valid, row>>6<<3)) &^= 1 << (row & 63)
	for _, m := range v.members {
		m.null(row)
	}
}

// allNull makes every row of the chunk NULL; set then makes one valid. It is for columns that are mostly NULL.
func (v *vector) allNull() {
	mapping.VectorEnsureValidityWritable(v.v)
	v.valid = mapping.VectorGetValidity(v.v)
	clear(unsafe.Slice((*uint64)(v.valid), chunkRows/64))
}

func (v *vector) set(row int) {
	*(*uint64)(unsafe.Add(v.valid, row>>6<<3)) |= 1 << (row & 63)
}

// put writes a row of a fixed-size column; T has to be the column's type.
func put[T any](v *vector, row int, value T) {
	*(*T)(unsafe.Add(v.data, uintptr(row)*unsafe.Sizeof(value))) = value
}

// text writes a string. DuckDB's strings are UTF-8, as OpenTelemetry's are; bytes that are not become U+FFFD, and the
// string is counted.
func (v *vector) text(row int, s string) {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
		v.a.replaced++
	}
	v.raw(row, s)
}

// textOrNull writes a string, or NULL for "".
func (v *vector) textOrNull(row int, s string) {
	if s == "" {
		v.null(row)
		return
	}
	v.text(row, s)
}

// raw writes the bytes of a string or blob. Short ones live in the vector itself, which saves a call into C.
func (v *vector) raw(row int, s string) {
	if len(s) > inlined {
		bindings.UnsafeVectorAssignStringElementLen(v.v, mapping.IdxT(row), unsafe.Slice(unsafe.StringData(s), len(s)))
		return
	}
	dst := unsafe.Add(v.data, uintptr(row)*stringSize)
	*(*[2]uint64)(dst) = [2]uint64{}
	*(*uint32)(dst) = uint32(len(s))
	copy(unsafe.Slice((*byte)(unsafe.Add(dst, 4)), inlined), s)
}
