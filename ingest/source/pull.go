package source

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"time"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/ingest"
)

// A Request says what [Client.Pull] reads.
type Request struct {
	From, To time.Time
	Services []string // traces with a span of one of these; empty means all services that the server knows
	Depth    int      // traces asked for at once; 0 means [DefaultDepth]
}

const (
	// DefaultDepth is small enough for every backend and for the memory that one answer takes.
	DefaultDepth = 200
	// MaxDepth is what the depth is raised to at most, for traces that start at the same instant.
	MaxDepth = 100_000
)

// Stats count what a client has done since it was opened.
type Stats struct {
	Requests int `json:"requests"`
	Retries  int `json:"retries"`
	Slices   int `json:"slices"`
	Halved   int `json:"slices_halved"` // because their answers were as long as allowed

	Traces  int `json:"traces"` // handed over; one that had grown since is handed over and counted again
	Spans   int `json:"spans"`
	Repeats int `json:"repeated_traces"` // delivered again by another slice or service, and left out

	Refused  ingest.Refusals   `json:"refused,omitempty"`
	Details  []string          `json:"refused_first,omitempty"`
	Warnings analyzer.Warnings `json:"warnings,omitempty"`
	Missing  int               `json:"missing_traces"` // named by a search and not delivered
	// MissingFirst are the first of them, each with the reason.
	MissingFirst []string `json:"missing_first,omitempty"`
}

const maxDetails = 10

// Stats returns what was done so far.
func (c *Client) Stats() Stats { return c.stats }

// A Slice is a stretch of time of which everything was handed over, save what it lists as missing.
type Slice struct {
	From, To time.Time
	Missing  int
}

// Pull reads every trace that has a span which starts in [From, To], slice by slice in the order of time, and hands
// over the spans of whole traces. A trace that several slices or services deliver is handed over once, and again only
// if it has changed. After each slice done is called; what was emitted before belongs to it. An error of emit or done
// ends the pull, and so does a request that failed for good: then all slices up to there have been told to done.
func (c *Client) Pull(ctx context.Context, r Request, emit func([]analyzer.Span) error, done func(Slice) error) error {
	grain := c.api.grain()
	from, to := r.From.Truncate(grain), r.To
	if t := to.Truncate(grain); t.Before(to) {
		to = t.Add(grain)
	}
	p := &pulling{Client: c, depth: cmp.Or(r.Depth, DefaultDepth), emit: emit}
	if b, ok := c.api.(interface{ begin() }); ok {
		b.begin()
	}
	services := r.Services
	if len(services) == 0 && c.api.anyService() {
		services = []string{""}
	} else if len(services) == 0 {
		var err error
		if services, err = c.Services(ctx); err != nil {
			return err
		}
	}
	for width := firstWidth; from.Before(to); {
		end := from.Add(width)
		if end.After(to) {
			end = to
		}
		p.most, p.missing = 0, 0
		for _, service := range services {
			if err := p.slice(ctx, search{service, from, end, p.depth}); err != nil {
				return fmt.Errorf("from %s on: %w", from.UTC().Format(time.RFC3339Nano), err)
			}
		}
		c.stats.Slices++
		if err := done(Slice{from, end, p.missing}); err != nil {
			return err
		}
		switch {
		case p.most >= p.depth:
			width = max(width/2, grain)
		case p.most < p.depth/4:
			width = min(2*width, mostWidth)
		}
		from = end
	}
	return nil
}

const (
	firstWidth = 15 * time.Minute
	mostWidth  = 24 * time.Hour
)

// A pulling is one call of Pull.
type pulling struct {
	*Client
	depth   int
	emit    func([]analyzer.Span) error
	most    int // traces that the longest answer of this slice had
	missing int
}

// slice hands over what s finds, in as many searches as that takes.
func (p *pulling) slice(ctx context.Context, s search) error {
	f, err := p.find(ctx, s)
	tooLarge := errors.Is(err, errTooLarge)
	if err != nil && !tooLarge {
		return err
	}
	if tooLarge {
		p.most = p.depth
	} else {
		rows := p.rows(f, s)
		p.most = max(p.most, f.hits, rows/rowsPerTrace)
		switch cut := rows >= rowsPerTrace*s.depth; {
		case f.hits < s.depth && !cut:
			return p.take(f)
		case f.hits < s.depth && s.depth < MaxDepth && f.hits < max(fewTraces, s.depth/16):
			// A few long traces: in finer slices they would come over and over again.
			s.depth = min(4*s.depth, MaxDepth)
			return p.slice(ctx, s)
		}
	}
	if width := s.to.Sub(s.from); width > p.api.grain() {
		p.stats.Halved++
		middle := s.from.Add(max(width/2, p.api.grain())).Truncate(p.api.grain())
		if !middle.After(s.from) {
			middle = s.from.Add(p.api.grain())
		}
		if err := p.slice(ctx, search{s.service, s.from, middle, s.depth}); err != nil {
			return err
		}
		return p.slice(ctx, search{s.service, middle, s.to, s.depth})
	}
	if tooLarge {
		return fmt.Errorf("the traces of %s in one instant, %s, are too large to fetch: %w", s.service, s.from.UTC().Format(time.RFC3339Nano), err)
	}
	if s.depth >= MaxDepth {
		return fmt.Errorf("%s has %d or more traces in one instant, %s, and its search gives no more: they cannot all be fetched",
			s.service, s.depth, s.from.UTC().Format(time.RFC3339Nano))
	}
	deeper := s
	deeper.depth = min(4*s.depth, MaxDepth)
	g, err := p.find(ctx, deeper)
	switch {
	case err != nil:
		return fmt.Errorf("%s has %d or more traces in one instant, %s, and a search for %d failed: %w",
			s.service, s.depth, s.from.UTC().Format(time.RFC3339Nano), deeper.depth, err)
	case g.hits < deeper.depth && g.hits == s.depth:
		// As many as asked for before: just so many there are, or the server never gives more.
		g.warnings.Add("search_gives_no_more", 1)
		return p.take(g)
	case g.hits < deeper.depth:
		return p.take(g)
	}
	return p.slice(ctx, deeper)
}

const (
	// rowsPerTrace is how many rows of an index Jaeger on Cassandra reads for each trace asked for. It looks at no more
	// of them, so that fewer traces than asked for can still be less than there are.
	rowsPerTrace = 3
	fewTraces    = 8
)

// rows counts the spans in f that a search looks at to find its traces.
func (p *pulling) rows(f *found, s search) (n int) {
	if s.service == "" {
		return 0 // a search that names no service looks at traces
	}
	from, to := s.from.UnixNano(), s.to.UnixNano()
	for _, spans := range f.spans {
		for i := range spans {
			span := &spans[i]
			if from <= span.Start && span.Start <= to && span.Resource.Attributes.Text("service.name") == s.service {
				n++
			}
		}
	}
	return n
}

func (p *pulling) find(ctx context.Context, s search) (f *found, err error) {
	what := fmt.Sprintf("search %s to %s", s.from.UTC().Format(time.RFC3339Nano), s.to.UTC().Format(time.RFC3339Nano))
	if s.service != "" {
		what += " for " + s.service
	}
	err = p.retry(ctx, what, func(ctx context.Context) (err error) {
		f, err = p.api.find(ctx, s)
		return err
	})
	return f, err
}

// take hands over the traces that are new.
func (p *pulling) take(f *found) error {
	ids := make([]analyzer.TraceID, 0, len(f.spans))
	for id := range f.spans {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b analyzer.TraceID) int { return slices.Compare(a[:], b[:]) })
	for _, id := range ids {
		spans := f.spans[id]
		d := digestOf(spans)
		if p.seen[id] == d {
			p.stats.Repeats++
			continue
		}
		if len(p.seen) >= mostSeen {
			clear(p.seen) // what is handed over twice is told apart later
		}
		p.seen[id] = d
		f.warnings.Add("changed_by_jaeger", countChanged(spans))
		if f.microseconds {
			f.warnings.Add("times_in_microseconds", len(spans))
		}
		if err := p.emit(spans); err != nil {
			return err
		}
		p.stats.Traces++
		p.stats.Spans += len(spans)
	}
	p.count(f)
	return nil
}

// changedBy are the attributes in which Jaeger says that it changed a span.
var changedBy = []string{"@jaeger@warnings", ingest.JaegerWarnings}

func countChanged(spans []analyzer.Span) (n int) {
	for i := range spans {
		for _, key := range changedBy {
			if _, ok := spans[i].Attributes.Get(key); ok {
				n++
				break
			}
		}
	}
	return n
}

// count adds up what f says beside its spans.
func (p *pulling) count(f *found) {
	for reason, n := range f.refused {
		p.stats.Refused.Add(reason, n)
	}
	for name, n := range f.warnings {
		if p.stats.Warnings == nil {
			p.stats.Warnings = analyzer.Warnings{}
		}
		p.stats.Warnings.Add(name, n)
	}
	p.stats.Details = append(p.stats.Details, f.details[:min(len(f.details), maxDetails-len(p.stats.Details))]...)
	p.stats.Missing += len(f.missing)
	p.missing += len(f.missing)
	p.stats.MissingFirst = append(p.stats.MissingFirst, f.missing[:min(len(f.missing), maxDetails-len(p.stats.MissingFirst))]...)
}

// mostSeen bounds how many traces are remembered: 32 bytes each.
const mostSeen = 4 << 20

// A digest tells one delivery of a trace from another.
type digest struct {
	spans int
	sum   uint64
}

var seed = maphash.MakeSeed()

// digestOf does not depend on the order of the spans.
func digestOf(spans []analyzer.Span) digest {
	d := digest{spans: len(spans)}
	var key [32]byte
	for i := range spans {
		s := &spans[i]
		copy(key[:8], s.ID[:])
		binary.LittleEndian.PutUint64(key[8:], uint64(s.Start))
		binary.LittleEndian.PutUint64(key[16:], uint64(s.End))
		binary.LittleEndian.PutUint64(key[24:], uint64(len(s.Attributes)+len(s.Events)<<20+len(s.Links)<<40))
		d.sum += maphash.Bytes(seed, key[:])
	}
	return d
}
