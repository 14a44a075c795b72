package remote

import (
	"encoding/binary"
	"math"

	"github.com/slowtoken/slowtoken/analyzer"
)

// Metric points travel row by row: they are few, and each kind has other fields. A batch is a header of six uint32
// (points, resources, scopes, bytes of rows, strings, bytes of text), the rows of the points, then of the resources,
// then of the scopes, and the dictionary as in a batch of spans.

const pointsHeader = 6 * 4

// encodePoints returns points as one batch. The bytes are valid until the next call.
func (e *encoder) encodePoints(points []analyzer.MetricPoint) ([]byte, error) {
	e.strings.reset()
	e.resources.reset()
	e.scopes.reset()
	e.composites = e.composites[:0]
	for i := range points {
		if err := e.point(&points[i]); err != nil {
			return nil, err
		}
	}
	for _, r := range e.resources.list {
		e.text(r.SchemaURL)
		e.uvarint(uint64(r.DroppedAttributes))
		if err := e.list(r.Attributes); err != nil {
			return nil, err
		}
	}
	for _, s := range e.scopes.list {
		e.text(s.Name)
		e.text(s.Version)
		e.text(s.SchemaURL)
		e.uvarint(uint64(s.DroppedAttributes))
		if err := e.list(s.Attributes); err != nil {
			return nil, err
		}
	}
	size := pointsHeader + len(e.composites) + 4*len(e.strings.list) + e.strings.size
	if size > maxFrame {
		return nil, errBatchTooLarge
	}
	e.out = append(e.out[:0], make([]byte, pointsHeader)...)
	for i, n := range [...]int{len(points), len(e.resources.list), len(e.scopes.list), len(e.composites), len(e.strings.list), e.strings.size} {
		put32(e.out, i, uint32(n))
	}
	e.out = append(e.out, e.composites...)
	for _, s := range e.strings.list {
		e.out = binary.LittleEndian.AppendUint32(e.out, uint32(len(s)))
	}
	for _, s := range e.strings.list {
		e.out = append(e.out, s...)
	}
	return e.out, nil
}

func (e *encoder) point(p *analyzer.MetricPoint) error {
	e.text(p.Name)
	e.text(p.Description)
	e.text(p.Unit)
	monotonic := uint64(0)
	if p.Monotonic {
		monotonic = 1
	}
	for _, n := range [...]uint64{uint64(p.Type), uint64(p.Temporality), monotonic, uint64(p.Flags), uint64(e.resources.of(p.Resource)), uint64(e.scopes.of(p.Scope)), p.Count} {
		e.uvarint(n)
	}
	e.fixed(uint64(p.Start))
	e.fixed(uint64(p.Time))
	for _, v := range [...]analyzer.Value{p.Value, p.Sum, p.Min, p.Max} {
		if err := e.item(v, 0); err != nil {
			return err
		}
	}
	for _, attributes := range [...]analyzer.Attributes{p.Metadata, p.Attributes} {
		if err := e.list(attributes); err != nil {
			return err
		}
	}
	e.floats(p.Bounds)
	e.counts(p.Buckets)
	e.uvarint(uint64(len(p.Quantiles)))
	for _, q := range p.Quantiles {
		e.fixed(math.Float64bits(q.Quantile))
		e.fixed(math.Float64bits(q.Value))
	}
	e.uvarint(uint64(len(p.Exemplars)))
	for i := range p.Exemplars {
		x := &p.Exemplars[i]
		e.fixed(uint64(x.Time))
		e.composites = append(append(e.composites, x.TraceID[:]...), x.SpanID[:]...)
		if err := e.item(x.Value, 0); err != nil {
			return err
		}
		if err := e.list(x.Attributes); err != nil {
			return err
		}
	}
	b := p.Exponential
	if b == nil {
		e.uvarint(0)
		return nil
	}
	e.uvarint(1)
	for _, n := range [...]uint64{uint64(uint32(b.Scale)), b.ZeroCount, uint64(uint32(b.PositiveOffset)), uint64(uint32(b.NegativeOffset))} {
		e.uvarint(n)
	}
	e.fixed(math.Float64bits(b.ZeroThreshold))
	e.counts(b.Positive)
	e.counts(b.Negative)
	return nil
}

func (e *encoder) uvarint(n uint64) { e.composites = binary.AppendUvarint(e.composites, n) }
func (e *encoder) fixed(n uint64)   { e.composites = binary.LittleEndian.AppendUint64(e.composites, n) }
func (e *encoder) text(s string)    { e.uvarint(uint64(e.strings.place(s))) }

func (e *encoder) floats(list []float64) {
	e.uvarint(uint64(len(list)))
	for _, f := range list {
		e.fixed(math.Float64bits(f))
	}
}

func (e *encoder) counts(list []uint64) {
	e.uvarint(uint64(len(list)))
	for _, n := range list {
		e.uvarint(n)
	}
}

func (e *encoder) list(attributes analyzer.Attributes) error {
	e.uvarint(uint64(len(attributes)))
	for i := range attributes {
		e.text(attributes[i].Key)
		if err := e.item(attributes[i].Value, 0); err != nil {
			return err
		}
	}
	return nil
}

// A rowReader reads rows; its first error sticks, and zeros follow it.
type rowReader struct {
	decoder
	err error
}

// minPoint is the least that a point takes in the rows: 21 numbers of one byte or more, some of eight.
const minPoint = 3 + 7 + 16 + 4 + 2 + 2 + 1 + 1 + 1

// decodePoints reads one batch of metric points.
func decodePoints(data []byte) ([]analyzer.MetricPoint, error) {
	if len(data) < pointsHeader {
		return nil, damaged("%d bytes are less than a header", len(data))
	}
	count, resources, scopes := get32(data, 0), get32(data, 1), get32(data, 2)
	rows, strings, text := uint64(get32(data, 3)), uint64(get32(data, 4)), uint64(get32(data, 5))
	if size := pointsHeader + rows + 4*strings + text; size != uint64(len(data)) {
		return nil, damaged("it has %d bytes, its header says %d", len(data), size)
	}
	if minPoint*uint64(count)+3*uint64(resources)+5*uint64(scopes) > rows {
		return nil, damaged("%d points in %d bytes", count, rows)
	}
	r := &rowReader{}
	r.composites = data[pointsHeader : pointsHeader+rows]
	data = data[pointsHeader+rows:]
	if err := r.decoder.text(data[:4*strings], data[4*strings:]); err != nil {
		return nil, err
	}
	r.resources, r.scopes = make([]analyzer.Resource, resources), make([]analyzer.Scope, scopes)
	points := make([]analyzer.MetricPoint, count)
	for i := range points {
		r.point(&points[i])
		if r.err != nil {
			return nil, r.err
		}
	}
	for i := range r.resources {
		r.resources[i] = analyzer.Resource{SchemaURL: r.text(), DroppedAttributes: r.uint32(), Attributes: r.list()}
	}
	for i := range r.scopes {
		r.scopes[i] = analyzer.Scope{Name: r.text(), Version: r.text(), SchemaURL: r.text(), DroppedAttributes: r.uint32(), Attributes: r.list()}
	}
	if r.err == nil && len(r.composites) > 0 {
		return nil, damaged("%d bytes of rows belong to nothing", len(r.composites))
	}
	return points, r.err
}

func (r *rowReader) point(p *analyzer.MetricPoint) {
	p.Name, p.Description, p.Unit = r.text(), r.text(), r.text()
	p.Type, p.Temporality = analyzer.MetricType(r.uvarint()), analyzer.Temporality(r.uvarint())
	p.Monotonic, p.Flags = r.uvarint() != 0, r.uint32()
	resource, scope := r.uint32(), r.uint32()
	p.Count = r.uvarint()
	p.Start, p.Time = int64(r.fixed()), int64(r.fixed())
	p.Value, p.Sum, p.Min, p.Max = r.item(), r.item(), r.item(), r.item()
	p.Metadata, p.Attributes = r.list(), r.list()
	if n := r.length(8); n > 0 {
		p.Bounds = make([]float64, n)
		for i := range p.Bounds {
			p.Bounds[i] = math.Float64frombits(r.fixed())
		}
	}
	p.Buckets = r.counts()
	if n := r.length(16); n > 0 {
		p.Quantiles = make([]analyzer.Quantile, n)
		for i := range p.Quantiles {
			p.Quantiles[i] = analyzer.Quantile{Quantile: math.Float64frombits(r.fixed()), Value: math.Float64frombits(r.fixed())}
		}
	}
	if n := r.length(8 + 16 + 8 + 2); n > 0 {
		p.Exemplars = make([]analyzer.Exemplar, n)
		for i := range p.Exemplars {
			x := &p.Exemplars[i]
			x.Time = int64(r.fixed())
			copy(x.TraceID[:], r.bytes(16))
			copy(x.SpanID[:], r.bytes(8))
			x.Value, x.Attributes = r.item(), r.list()
		}
	}
	if r.uvarint() != 0 {
		p.Exponential = &analyzer.ExponentialBuckets{
			Scale: int32(r.uint32()), ZeroCount: r.uvarint(), PositiveOffset: int32(r.uint32()), NegativeOffset: int32(r.uint32()),
			ZeroThreshold: math.Float64frombits(r.fixed()), Positive: r.counts(), Negative: r.counts(),
		}
	}
	if r.err != nil {
		return
	}
	if p.Resource, r.err = entry(r.resources, resource, "resource"); r.err == nil {
		p.Scope, r.err = entry(r.scopes, scope, "scope")
	}
}

func (r *rowReader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
	r.composites = nil
}

func (r *rowReader) uvarint() uint64 {
	n, err := r.decoder.uvarint()
	if err != nil {
		r.fail(err)
	}
	return n
}

func (r *rowReader) uint32() uint32 {
	n := r.uvarint()
	if n > math.MaxUint32 {
		r.fail(damaged("%d is no number of 32 bits", n))
		return 0
	}
	return uint32(n)
}

func (r *rowReader) bytes(n int) []byte {
	if len(r.composites) < n {
		r.fail(damaged("a row ends early"))
		return nil
	}
	b := r.composites[:n]
	r.composites = r.composites[n:]
	return b
}

func (r *rowReader) fixed() uint64 {
	b := r.bytes(8)
	if b == nil {
		return 0
	}
	return binary.LittleEndian.Uint64(b)
}

// length reads how many things follow that take at least width bytes each.
func (r *rowReader) length(width int) int {
	n := r.uvarint()
	if n > uint64(len(r.composites)/width) {
		r.fail(damaged("%d things of %d bytes or more in %d bytes", n, width, len(r.composites)))
		return 0
	}
	return int(n)
}

func (r *rowReader) text() string {
	s, err := r.at(r.uint32())
	if err != nil {
		r.fail(err)
	}
	return s
}

func (r *rowReader) item() analyzer.Value {
	v, err := r.decoder.item(0)
	if err != nil {
		r.fail(err)
	}
	return v
}

func (r *rowReader) counts() []uint64 {
	n := r.length(1)
	if n == 0 {
		return nil
	}
	list := make([]uint64, n)
	for i := range list {
		list[i] = r.uvarint()
	}
	return list
}

func (r *rowReader) list() analyzer.Attributes {
	n := r.length(2)
	if n == 0 {
		return nil
	}
	list := make(analyzer.Attributes, n)
	for i := range list {
		list[i] = analyzer.Attribute{Key: r.text(), Value: r.item()}
	}
	return list
}
