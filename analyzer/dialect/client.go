package dialect

import (
	"slices"
	"sync"

	"github.com/slowtoken/slowtoken/analyzer"
)

// A client describes a dialect whose inference spans are mostly a caller's view: all that it can say of the time is
// when the first chunk came.
type client struct {
	name, doc    string
	verified     bool
	keys         []string // beside those of the GenAI conventions
	marks, names []string
	match        func(*analyzer.Span) analyzer.Role
	// read adds what this dialect states to a call that was read by the names of the GenAI conventions.
	read func(s *analyzer.Span, c *analyzer.Call, first *firstChunk)
	// parts, if set, is asked first: a span that it explains is not read as a caller's view.
	parts func(t *analyzer.Trace, span int32) []analyzer.Part
	// engine says that the view is the engine's after all.
	engine bool
}

// A firstChunk collects what a span says of its first chunk of output.
type firstChunk struct {
	durations
	start int64
	after int64 // nanoseconds from the span's start; unknown while it is not stated
	tpot  float64
	tells bool // tpot is stated

	keep   bool    // chunks are wanted
	chunks []int64 // times of the events that are one chunk each, in no order; none if some may be lost
}

// stated takes a stated duration from the span's start to the first chunk. The first one that is read is kept.
func (f *firstChunk) stated(v analyzer.Value, unit float64) {
	if f.after < 0 {
		f.after = f.read(v, unit)
	}
}

// seenAt takes the time of an event, in nanoseconds since the Unix epoch. The earliest is kept.
func (f *firstChunk) seenAt(at int64) {
	if after := at - f.start; after >= 0 && after <= f.length && (f.after < 0 || after < f.after) {
		f.after = after
	}
}

// timePerToken takes a stated time per output token; only whether it is zero matters.
func (f *firstChunk) timePerToken(v analyzer.Value) { f.tpot, f.tells = v.Number() }

// events takes the first event that is one chunk of output. Where a span lost events, the first one that is left may
// be any chunk.
func (f *firstChunk) events(s *analyzer.Span, chunk func(name string) bool) (seen bool) {
	for i := range s.Events {
		if !chunk(s.Events[i].Name) {
			continue
		}
		seen = true
		if s.DroppedEvents > 0 {
			f.warnings.Add(analyzer.WarnEventsDropped, 1)
			break
		}
		f.seenAt(s.Events[i].Time)
	}
	return seen
}

// everyChunk takes the events that each are one chunk of output, if their times are wanted.
func (f *firstChunk) everyChunk(s *analyzer.Span, chunk func(name string) bool) {
	if !f.keep || s.DroppedEvents > 0 {
		return
	}
	for i := range s.Events {
		if e := &s.Events[i]; chunk(e.Name) && e.Time >= f.start && e.Time <= f.start+f.length {
			f.chunks = append(f.chunks, e.Time)
		}
	}
}

// fake reports whether the time to the first chunk is only the duration under another name, as several SDKs state it
// for answers that were not streamed. A real answer of one token looks the same and is kept.
func (f *firstChunk) fake(c *analyzer.Call) bool {
	return c.Streaming != analyzer.Yes && c.OutputTokens >= 2 && f.after >= f.length-f.length/50 &&
		(!f.tells || f.tpot == 0)
}

func (d client) dialect() analyzer.Dialect {
	return analyzer.Dialect{
		Name: d.name, Doc: d.doc, Verified: d.verified, Keys: keys(d.keys, callKeys), Marks: d.marks, Names: d.names, Engine: d.engine,
		Match: d.match,
		Call: func(t *analyzer.Trace, span int32) analyzer.Call {
			c, _ := d.call(t, span, true)
			return c
		},
		Parts: func(t *analyzer.Trace, span int32) []analyzer.Part {
			if d.parts != nil {
				if parts := d.parts(t, span); parts != nil {
					return parts
				}
			}
			if d.match(&t.Spans[span]) != analyzer.RoleInference {
				return nil
			}
			c, first := d.call(t, span, false)
			return clientParts(t, span, &c, first, d.engine || t.Spans[span].Kind == analyzer.SpanKindServer)
		},
	}
}

// A clientView is what is read of one span.
type clientView struct {
	call  analyzer.Call
	chunk firstChunk
}

// clientViews are views to read into: every call of every trace needs two, and read, which is not known here, makes
// them outlive the function that has them.
var clientViews = sync.Pool{New: func() any { return new(clientView) }}

// call reads the span, and the times of its chunks if they are wanted; first is the time of the first chunk, or zero
// while it is unknown.
func (d client) call(t *analyzer.Trace, span int32, chunks bool) (analyzer.Call, int64) {
	s := &t.Spans[span]
	start, end := t.Extent(span)
	view := clientViews.Get().(*clientView)
	defer clientViews.Put(view)
	view.call = readCall(s)
	view.chunk = firstChunk{durations: durations{length: end - start}, start: start, after: unknown, keep: chunks}
	if d.read != nil {
		d.read(s, &view.call, &view.chunk)
	}
	c, chunk := view.call, view.chunk
	*view = clientView{} // keep no texts of the span alive
	if chunk.after >= 0 && c.Streaming == analyzer.No {
		chunk.after = unknown // nothing of an answer that comes whole can be seen earlier
		chunk.warnings.Add(analyzer.WarnTTFTUnmeasured, 1)
	}
	if chunk.after >= 0 && chunk.fake(&c) {
		chunk.after = unknown
		chunk.warnings.Add(analyzer.WarnTTFTUnmeasured, 1)
	}
	if chunk.after >= 0 {
		c.FirstToken = start + chunk.after
		if c.ReasoningTokens <= 0 { // else part of the tokens came before the first chunk, and nobody says how many
			c.LastToken = end
		}
		if chunk.chunks != nil {
			slices.Sort(chunk.chunks)
			c.Chunks = chunk.chunks
		}
	}
	c.Warnings = chunk.warnings
	return c, c.FirstToken
}

// clientParts returns what a view of a whole call knows: the time before the first chunk, and the time after it.
//
// A server's own view has no network in it.
func clientParts(t *analyzer.Trace, span int32, c *analyzer.Call, first int64, server bool) []analyzer.Part {
	start, end := t.Extent(span)
	before := analyzer.SetOf(analyzer.Network, analyzer.Queue, analyzer.Prefill)
	after := analyzer.SetOf(analyzer.Decode, analyzer.Stream, analyzer.Network)
	if server {
		before = analyzer.SetOf(analyzer.Frontend, analyzer.Queue, analyzer.Prefill)
		after = analyzer.SetOf(analyzer.Decode, analyzer.Stream)
	}
	if first == 0 {
		if !embeds(c.Operation) {
			before |= after
		}
		return []analyzer.Part{{Start: start, End: end, Covers: before, Source: analyzer.SourceInferred}}
	}
	if c.ReasoningTokens > 0 {
		before |= analyzer.SetOf(analyzer.Decode) // hidden reasoning is decoded before the first chunk
	}
	return []analyzer.Part{
		{Start: start, End: first, Covers: before, Source: analyzer.SourceAttribute},
		{Start: first, End: end, Phase: analyzer.Decode, Covers: after, Source: analyzer.SourceInferred},
	}
}

// embeds reports whether an operation has no decode phase.
func embeds(operation string) bool {
	switch operation {
	case "embeddings", "embedding", "embed", "rerank":
		return true
	}
	return false
}
