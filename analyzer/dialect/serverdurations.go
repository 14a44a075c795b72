package dialect

import "github.com/slowtoken/slowtoken/analyzer"

// serverDurations are what a server says of one answer when it is done, without saying when its parts began; in
// nanoseconds, unknown where it does not say.
type serverDurations struct {
	total, load, prefill, decode int64
}

func noServerDurations() serverDurations { return serverDurations{unknown, unknown, unknown, unknown} }

// withServerDurations returns the dialect of d whose spans also state server durations.
func (d client) withServerDurations(read func(*analyzer.Span, *durations) serverDurations) analyzer.Dialect {
	dialect := d.dialect()
	explain := func(t *analyzer.Trace, span int32) (analyzer.Call, []analyzer.Part) {
		s := &t.Spans[span]
		start, end := t.Extent(span)
		c, first := d.call(t, span, true)
		stated := durations{length: end - start}
		at := servedLayout{serverDurations: read(s, &stated), start: start, end: end, first: first, embeds: embeds(c.Operation)}
		at.server = d.engine || s.Kind == analyzer.SpanKindServer
		at.streamed = c.Streaming != analyzer.No && !at.embeds
		parts := at.layOut(&stated.warnings)
		if first == 0 && at.first != 0 && (d.engine || c.Streaming != analyzer.No && c.Warnings[analyzer.WarnTTFTUnmeasured] == 0) {
			c.FirstToken, c.LastToken = at.first, at.last
			stated.warnings.Add(analyzer.WarnFirstTokenInferred, 1)
		}
		if c.LastToken != 0 && at.last != 0 {
			c.LastToken = at.last
		}
		c.Warnings.Merge(stated.warnings)
		return c, parts
	}
	dialect.Call = func(t *analyzer.Trace, span int32) analyzer.Call {
		c, _ := explain(t, span)
		return c
	}
	dialect.Parts = func(t *analyzer.Trace, span int32) []analyzer.Part {
		if d.match(&t.Spans[span]) != analyzer.RoleInference {
			return nil
		}
		_, parts := explain(t, span)
		return parts
	}
	return dialect
}

// A servedLayout places server durations in a span.
type servedLayout struct {
	serverDurations
	start, end     int64
	first, last    int64 // where decode begins and ends; zero while unknown
	server, embeds bool
	streamed       bool // or may have been
}

// layOut sets l.first if it is not known, and l.last, and returns the parts. Decode, and before it prefill, end with the span, unless
// a first token is stated, which they then lie around. Load begins with the span.
func (l *servedLayout) layOut(w *analyzer.Warnings) (parts []analyzer.Part) {
	add := func(start, end int64, part analyzer.Part) {
		part.Start, part.End = start, end
		parts = append(parts, part)
	}
	rest := analyzer.SetOf(analyzer.Queue, analyzer.Tokenize)
	stated := l.first != 0
	switch {
	case l.first != 0 && l.decode >= 0:
		if l.first+l.decode > l.end {
			w.Add(analyzer.WarnOverrun, 1)
		}
		l.last = min(l.first+l.decode, l.end)
		add(l.first, l.last, analyzer.Part{Phase: analyzer.Decode, Source: analyzer.SourceAttribute})
		add(l.last, l.end, analyzer.Part{Covers: analyzer.SetOf(analyzer.Stream, analyzer.Network), Source: analyzer.SourceInferred})
	case l.first != 0:
		add(l.first, l.end, analyzer.Part{
			Phase: analyzer.Decode, Covers: analyzer.SetOf(analyzer.Decode, analyzer.Stream, analyzer.Network), Source: analyzer.SourceInferred,
		})
	case l.decode >= 0:
		l.first, l.last = l.end-l.decode, l.end
		add(l.first, l.end, analyzer.Part{Phase: analyzer.Decode, Source: analyzer.SourceAttribute})
	}
	before := l.first // what is before decode
	if before == 0 {
		before = l.end
	}
	if l.prefill >= 0 && (l.first != 0 || l.embeds) {
		add(before-l.prefill, before, analyzer.Part{Phase: analyzer.Prefill, Source: analyzer.SourceAttribute})
		before -= l.prefill
	} else {
		rest |= analyzer.SetOf(analyzer.Prefill)
	}
	if l.first == 0 && !l.embeds {
		rest |= analyzer.SetOf(analyzer.Decode, analyzer.Stream)
	}
	loaded := l.start + max(l.load, 0)
	add(l.start, loaded, analyzer.Part{Phase: analyzer.ModelLoad, Source: analyzer.SourceAttribute})
	if loaded > before {
		w.Add(analyzer.WarnDurationsDisagree, 1)
	}
	network := int64(0)
	switch {
	case l.server:
		rest |= analyzer.SetOf(analyzer.Frontend)
	case l.total >= 0:
		network = min(l.end-l.start-l.total, max(before-loaded, 0))
		around := analyzer.Part{Phase: analyzer.Network, Detail: analyzer.DetailRoundTrip, Source: analyzer.SourceInferred}
		if l.streamed && !stated { // what the caller takes to read the end of a stream may be part of it
			around = analyzer.Part{Covers: analyzer.SetOf(analyzer.Network, analyzer.Stream), Source: analyzer.SourceInferred}
		}
		add(loaded, loaded+network, around)
	default:
		rest |= analyzer.SetOf(analyzer.Network)
	}
	add(loaded+network, before, analyzer.Part{Covers: rest, Source: analyzer.SourceInferred})
	return parts
}
