package storage

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"unsafe"

	bindings "github.com/duckdb/duckdb-go-bindings"
	"github.com/duckdb/duckdb-go/v2/mapping"

	"github.com/slowtoken/slowtoken/analyzer"
)

// This file is the only one that holds DuckDB's handles. It goes through the C API, as the driver publishes it, because
// database/sql gives no access to data chunks, and rows cost several times as much as chunks in both directions
// (docs/adr/0001-storage.md has the figures).

// openDuck opens the database file at path with the given settings.
func openDuck(path string, settings map[string]string) (mapping.Database, error) {
	var db mapping.Database
	var config mapping.Config
	if mapping.CreateConfig(&config) != mapping.StateSuccess {
		return db, errors.New("allocate DuckDB's settings")
	}
	defer mapping.DestroyConfig(&config)
	for name, value := range settings {
		if mapping.SetConfig(config, name, value) != mapping.StateSuccess {
			return db, fmt.Errorf("DuckDB refuses the setting %s = %q", name, value)
		}
	}
	var message string
	if mapping.OpenExt(path, &db, config, &message) != mapping.StateSuccess {
		mapping.Close(&db)
		return db, errors.New(message)
	}
	return db, nil
}

// A conn is one connection. It is used by one goroutine at a time.
type conn struct{ c mapping.Connection }

func connect(db mapping.Database) (*conn, error) {
	c := &conn{}
	if mapping.Connect(db, &c.c) != mapping.StateSuccess {
		return nil, errors.New("connect to DuckDB")
	}
	return c, nil
}

func (c *conn) close() { mapping.Disconnect(&c.c) }

// interruptWhenDone interrupts what the connection works on when ctx is done. The function it returns ends that, and waits
// for an interruption under way: after it the connection may be closed.
func (c *conn) interruptWhenDone(ctx context.Context) (end func()) {
	interrupted := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(interrupted)
		mapping.Interrupt(c.c)
	})
	return sync.OnceFunc(func() {
		if !stop() {
			<-interrupted
		}
	})
}

// exec runs statements that take no values and give no rows.
func (c *conn) exec(ctx context.Context, sql string) error {
	defer c.interruptWhenDone(ctx)()
	var res mapping.Result
	state := mapping.Query(c.c, sql, &res)
	defer mapping.DestroyResult(&res)
	if state != mapping.StateSuccess {
		return duckError(ctx, mapping.ResultError(&res))
	}
	return nil
}

// duckError is what went wrong, or why the work was stopped.
func duckError(ctx context.Context, message string) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return errors.New(message)
}

// rows are the rows of a query, a chunk at a time.
type rows struct {
	ctx  context.Context
	stmt mapping.PreparedStatement
	res  mapping.Result
	end  func()
}

// query runs one statement with bound values and streams its rows: memory holds what is not yet fetched of a small
// buffer, never the whole result. The connection is busy until the rows are closed.
func (c *conn) query(ctx context.Context, sql string, args ...any) (*rows, error) {
	r := &rows{ctx: ctx, end: c.interruptWhenDone(ctx)}
	if mapping.Prepare(c.c, sql, &r.stmt) != mapping.StateSuccess {
		err := duckError(ctx, mapping.PrepareError(r.stmt))
		r.close()
		return nil, err
	}
	for i, arg := range args {
		if err := bind(r.stmt, mapping.IdxT(i+1), arg); err != nil {
			r.close()
			return nil, fmt.Errorf("bind value %d: %w", i+1, err)
		}
	}
	// DuckDB marks the streaming call as subject to change; the other one holds the whole result in memory.
	if bindings.ExecutePreparedStreaming(r.stmt, &r.res) != mapping.StateSuccess {
		err := duckError(ctx, mapping.ResultError(&r.res))
		r.close()
		return nil, err
	}
	return r, nil
}

// next returns the next chunk, which the caller destroys, or ok false after the last one.
func (r *rows) next() (c chunk, ok bool, err error) {
	d := mapping.FetchChunk(r.res)
	if d.Ptr == nil {
		if message := mapping.ResultError(&r.res); message != "" {
			return chunk{}, false, duckError(r.ctx, message)
		}
		return chunk{}, false, context.Cause(r.ctx)
	}
	c = chunk{d: d, rows: int(mapping.DataChunkGetSize(d))}
	if c.rows == 0 {
		c.destroy()
		return chunk{}, false, context.Cause(r.ctx)
	}
	return c, true, nil
}

func (r *rows) close() {
	r.end()
	mapping.DestroyResult(&r.res)
	mapping.DestroyPrepare(&r.stmt)
}

// each runs a query and hands every row of every chunk to f.
func (c *conn) each(ctx context.Context, f func(c chunk, row int), sql string, args ...any) error {
	r, err := c.query(ctx, sql, args...)
	if err != nil {
		return err
	}
	defer r.close()
	for {
		ch, ok, err := r.next()
		if !ok || err != nil {
			return err
		}
		for row := range ch.rows {
			f(ch, row)
		}
		ch.destroy()
	}
}

// bind sets one parameter. It knows the types that the queries of this package bind.
func bind(stmt mapping.PreparedStatement, i mapping.IdxT, arg any) error {
	var state mapping.State
	switch v := arg.(type) {
	case int64:
		state = mapping.BindInt64(stmt, i, v)
	case int:
		state = mapping.BindInt64(stmt, i, int64(v))
	case bool:
		state = mapping.BindBoolean(stmt, i, v)
	case string:
		state = mapping.BindVarchar(stmt, i, v)
	case []analyzer.TraceID:
		state = bindList(stmt, i, mapping.TypeUUID, len(v), func(k int) mapping.Value {
			low, high := uuidOf(v[k])
			return mapping.CreateUUID(mapping.NewUHugeInt(low, uint64(high)^1<<63))
		})
	case []uint32:
		state = bindList(stmt, i, mapping.TypeUInteger, len(v), func(k int) mapping.Value { return mapping.CreateUInt32(v[k]) })
	default:
		return fmt.Errorf("a %T cannot be bound", arg)
	}
	if state != mapping.StateSuccess {
		return errors.New(mapping.PrepareError(stmt))
	}
	return nil
}

func bindList(stmt mapping.PreparedStatement, i mapping.IdxT, kind mapping.Type, n int, item func(int) mapping.Value) mapping.State {
	t := mapping.CreateLogicalType(kind)
	defer mapping.DestroyLogicalType(&t)
	values := make([]mapping.Value, n)
	for k := range values {
		values[k] = item(k)
	}
	list := mapping.CreateListValue(t, values)
	state := mapping.BindValue(stmt, i, list)
	mapping.DestroyValue(&list)
	for k := range values {
		mapping.DestroyValue(&values[k])
	}
	return state
}

// A chunk is up to 2048 rows in columns.
type chunk struct {
	d    mapping.DataChunk
	rows int
}

func (c chunk) destroy() { mapping.DestroyDataChunk(&c.d) }

// column returns a column for reading. It is valid until the chunk is destroyed.
func (c chunk) column(i int) column {
	return columnOf(mapping.DataChunkGetVector(c.d, mapping.IdxT(i)))
}

// A column is the memory of one vector, for reading.
type column struct {
	v     mapping.Vector
	data  unsafe.Pointer
	valid *uint64 // one bit a row; nil when no row is NULL
}

func columnOf(v mapping.Vector) column {
	return column{v: v, data: mapping.VectorGetData(v), valid: (*uint64)(mapping.VectorGetValidity(v))}
}

func (c column) null(row int) bool {
	if c.valid == nil {
		return false
	}
	word := *(*uint64)(unsafe.Add(unsafe.Pointer(c.valid), row>>6<<3))
	return word>>(row&63)&1 == 0
}

// at reads a row of a fixed-size column; T has to be the column's type.
func at[T any](c column, row int) T {
	var t T
	return *(*T)(unsafe.Add(c.data, uintptr(row)*unsafe.Sizeof(t)))
}

// bytes returns a string or blob in DuckDB's memory: valid until the chunk is destroyed.
func (c column) bytes(row int) []byte {
	s := unsafe.Add(c.data, uintptr(row)*stringSize)
	n := *(*uint32)(s)
	if n <= inlined {
		return unsafe.Slice((*byte)(unsafe.Add(s, 4)), n)
	}
	return unsafe.Slice(*(**byte)(unsafe.Add(s, 8)), n)
}

// duckdb_string_t is 16 bytes: a length, then either up to 12 bytes of the string, or its first 4 and a pointer to all.
const (
	stringSize = 16
	inlined    = 12
)

// text copies a string; NULL reads as "".
func (c column) text(row int) string {
	if c.null(row) {
		return ""
	}
	return string(c.bytes(row))
}

// list returns the range of a list's items in its child column; NULL reads as empty.
func (c column) list(row int) (from, to int) {
	if c.null(row) {
		return 0, 0
	}
	e := at[[2]uint64](c, row)
	return int(e[0]), int(e[0] + e[1])
}

// items returns the column of a list column's items.
func (c column) items() column { return columnOf(mapping.ListVectorGetChild(c.v)) }

// field returns a member of a struct column.
func (c column) field(i int) column {
	return columnOf(mapping.StructVectorGetChild(c.v, mapping.IdxT(i)))
}
