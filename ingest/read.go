package ingest

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/slowtoken/slowtoken/analyzer"
)

// ReadOptions says how [Read] reads. The zero value is ready to use.
type ReadOptions struct {
	// MaxRecord bounds the memory that one file may take: the longest JSON string, protobuf message or Jaeger trace,
	// in bytes. Zero means 256 MiB.
	MaxRecord int
	// MaxDecompressed bounds what a compressed file may unpack to, in bytes. Zero means 1 TiB.
	MaxDecompressed int64
	// MaxRatio bounds how many bytes one compressed byte may unpack to, once 64 MiB came out. Zero means 1000: ordinary
	// traces reach 10 to 60.
	MaxRatio int64

	// Attributes, when set, says which attributes of spans are wanted, by key; the others are left out, which spares
	// time and memory. Resources, scopes, events and links keep all of theirs.
	Attributes func(key string) bool

	// Metrics, when set, is handed the metric points that lie between the traces.
	Metrics func([]analyzer.MetricPoint) error
	// Progress, when set, is called now and then with how many bytes of r were used.
	Progress func(bytes int64)
}

// Batches of spans hold at least this many, save the last one of a file.
const batchSpans = 4096

func (o ReadOptions) withDefaults() ReadOptions {
	if o.MaxRecord <= 0 {
		o.MaxRecord = 256 << 20
	}
	if o.MaxDecompressed <= 0 {
		o.MaxDecompressed = 1 << 40
	}
	if o.MaxRatio <= 0 {
		o.MaxRatio = 1000
	}
	return o
}

// A Summary says what [Read] found in one file.
type Summary struct {
	Name    string
	Formats []string // in order of appearance, for example "OTLP JSON", "gzip"
	Bytes   int64    // read from the file, before decompression

	Spans   int // handed to emit
	Traces  int // distinct trace ids of those
	Points  int // metric points, whether or not there was somewhere to hand them
	Logs    int // log records: counted, not kept
	Refused Refusals
	// Details are the first refusals, each "NAME:LINE: reason" ("NAME: byte N: reason" where there are no lines).
	Details []string
	// Warnings count what was kept but changed or doubted.
	Warnings analyzer.Warnings
}

// maxDetails is how many refusals a summary tells one by one.
const maxDetails = 10

// A ShapeError says that a file holds no spans that could be read, what it seems to be, and what to do instead.
type ShapeError struct {
	Name   string // of the file
	Shape  string // what it holds, for example "Tempo search results"
	Advice string
}

func (e *ShapeError) Error() string {
	return fmt.Sprintf("%s holds %s, not spans: %s", e.Name, e.Shape, e.Advice)
}

// Read reads the spans of one file in any of the formats that docs/formats.md lists, and hands them to emit in batches,
// each a slice that emit may keep. The format is found by looking at the content; name serves in messages only.
//
// What cannot be read is refused record by record and told in the Summary; the rest is kept. The error is not nil when
// emit or r failed, when ctx ended, when a limit was met, or, as a [ShapeError], when there was nothing that could be
// read at all. The Summary is right in every case about what was emitted.
func Read(ctx context.Context, name string, r io.Reader, o ReadOptions, emit func([]analyzer.Span) error) (Summary, error) {
	o = o.withDefaults()
	in := &reading{
		ctx: ctx, options: o, emit: emit,
		summary: Summary{Name: name},
		traces:  map[analyzer.TraceID]struct{}{},
	}
	counted := &countingReader{ctx: ctx, r: r, progress: o.Progress}
	err := in.read(counted)
	if in.stop == nil { // what was read before an error is good
		err = cmp.Or(err, in.flush(0))
	}
	in.summary.Bytes = counted.n
	in.summary.Traces = len(in.traces)
	if err == nil && in.summary.Spans+in.summary.Points+in.summary.Logs == 0 && !in.recognised {
		err = in.nothing()
	}
	if err != nil && !errors.As(err, new(*ShapeError)) {
		err = fmt.Errorf("read %s: %w", name, err)
	}
	return in.summary, err
}

// A reading is one file while it is read.
type reading struct {
	ctx     context.Context
	options ReadOptions
	emit    func([]analyzer.Span) error

	summary    Summary
	batch      []analyzer.Span
	traces     map[analyzer.TraceID]struct{}
	recognised bool // something in a known format was met, be it empty
	shapes     []*ShapeError
	stop       error // of emit, or of the callback for metrics
}

func (in *reading) read(r io.Reader) error {
	plain, err := in.decompress(r)
	if err != nil {
		return err
	}
	defer plain.Close()
	head, err := io.ReadAll(io.LimitReader(plain, peekBytes))
	if err != nil && len(head) == 0 {
		return err
	}
	whole := io.MultiReader(bytes.NewReader(head), &failedReader{plain, err})
	switch detect(head) {
	case fileEmpty:
		in.shape("nothing", "the file is empty; was the exporter flushed before it was copied?")
		return nil
	case fileJSON:
		return in.readJSON(whole, isLines(head))
	case fileProto:
		return in.readProto(bufio.NewReaderSize(whole, 64<<10), bare)
	case fileProtoFixed:
		return in.readProto(bufio.NewReaderSize(whole, 64<<10), fixedLength)
	case fileProtoVarint:
		return in.readProto(bufio.NewReaderSize(whole, 64<<10), varintLength)
	}
	shape, advice := describeUnknown(head)
	in.shape(shape, advice)
	return nil
}

// A failedReader goes on with an error that came while the head of a file was read.
type failedReader struct {
	r   io.Reader
	err error
}

func (f *failedReader) Read(p []byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	return f.r.Read(p)
}

// add takes a span in.
func (in *reading) add(s analyzer.Span) {
	if wanted := in.options.Attributes; wanted != nil {
		s.Attributes = slices.DeleteFunc(s.Attributes, func(a analyzer.Attribute) bool { return !wanted(a.Key) })
	}
	in.batch = append(in.batch, s)
}

// flush hands the batch over if it holds at least n spans.
func (in *reading) flush(n int) error {
	if len(in.batch) == 0 || len(in.batch) < n {
		return nil
	}
	batch := in.batch
	in.batch = make([]analyzer.Span, 0, min(cap(batch), 2*batchSpans))
	for i := range batch {
		if i == 0 || batch[i].TraceID != batch[i-1].TraceID {
			in.traces[batch[i].TraceID] = struct{}{}
		}
	}
	if err := in.emit(batch); err != nil {
		in.stop = fmt.Errorf("hand spans over: %w", err)
		return in.stop
	}
	in.summary.Spans += len(batch)
	return nil
}

func (in *reading) format(name string) {
	in.recognised = true
	if !slices.Contains(in.summary.Formats, name) {
		in.summary.Formats = append(in.summary.Formats, name)
	}
}

// refuse counts n records that are left out for reason; where is a line or a byte.
func (in *reading) refuse(where, reason string, n int) {
	detail := reason
	if n > 1 {
		detail = fmt.Sprintf("%s (%d times)", reason, n)
	}
	in.refuseFor(where, reason, n, detail)
}

// refuseFor is refuse with more to say than the reason, of which there are few.
func (in *reading) refuseFor(where, reason string, n int, detail string) {
	in.summary.Refused.Add(reason, n)
	if len(in.summary.Details) < maxDetails && n > 0 {
		in.summary.Details = append(in.summary.Details, in.summary.Name+":"+where+": "+detail)
	}
}

// shape notes that something was met which is no list of spans.
func (in *reading) shape(shape, advice string) *ShapeError {
	for _, known := range in.shapes {
		if known.Shape == shape {
			return known
		}
	}
	e := &ShapeError{Name: in.summary.Name, Shape: shape, Advice: advice}
	in.shapes = append(in.shapes, e)
	return e
}

// nothing says why a file gave nothing at all.
func (in *reading) nothing() error {
	if len(in.shapes) > 0 {
		return in.shapes[0]
	}
	advice := "formats that can be read are OTLP JSON and protobuf, Jaeger JSON, Zipkin v2 JSON and Tempo's traces"
	if len(in.summary.Details) > 0 {
		advice = in.summary.Details[0] + "; " + advice
	}
	return &ShapeError{Name: in.summary.Name, Shape: "no known trace format", Advice: advice}
}

// A countingReader counts bytes, tells progress and ends when the context does.
type countingReader struct {
	ctx      context.Context
	r        io.Reader
	n, told  int64
	progress func(int64)
}

func (c *countingReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := c.r.Read(p)
	c.n += int64(n)
	if c.progress != nil && (c.n-c.told >= 256<<10 || err != nil) {
		c.told = c.n
		c.progress(c.n)
	}
	return n, err
}
