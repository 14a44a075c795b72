package population

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slowtoken/slowtoken/analyzer"
)

func TestDoubtsFitTheirSet(t *testing.T) {
	if len(Doubts) > 64 {
		t.Fatalf("%d doubts do not fit a set of 64", len(Doubts))
	}
	seen := map[string]bool{}
	for i, d := range Doubts {
		if seen[d.Name] || d.Meaning == "" || d.Touches != 0 && !d.Bounded && d.Remedy == "" {
			t.Errorf("%q is listed twice, or without a meaning or what to do about it", d.Name)
		}
		seen[d.Name] = true
		if got := slices.Collect(DoubtSet(doubtBits[d.Name]).All); !slices.Equal(got, []int{i}) {
			t.Errorf("%s is number %v, want %d", d.Name, got, i)
		}
	}
}

func TestWhatTouchesAPhase(t *testing.T) {
	set := func(names ...string) DoubtSet {
		w := analyzer.Warnings{}
		for _, n := range names {
			w.Add(n, 1)
		}
		return doubtsOf(w)
	}
	for _, c := range []struct {
		name string
		set  DoubtSet
		want analyzer.PhaseSet
	}{
		{"nothing", 0, 0},
		{"an error that is bounded", set(analyzer.WarnOverrun), 0},
		{"what weighs by its time", set(analyzer.WarnClipped), 0},
		{"what is only unknown", set(WarnNoInstance, analyzer.WarnTTFTUnmeasured), 0},
		{"two together", set(analyzer.WarnDurationsDisagree, WarnEndAfterReceipt),
			analyzer.SetOf(analyzer.Queue, analyzer.Prefill, analyzer.Frontend, analyzer.Network)},
	} {
		if got := c.set.Touches(); got != c.want {
			t.Errorf("%s touches %v, want %v", c.name, got.Phases(), c.want.Phases())
		}
	}
}

// doubtful is a trace of one call below an orphan, whose spans are changed before they are assembled.
func doubtful(change func(orphan, call *analyzer.Span)) *analyzer.Trace {
	inner := call(1, float64(year2000/second+1000), 0.5, 1, 2, "m").Spans[0]
	orphan := inner
	orphan.ID, orphan.Parent, orphan.Name = analyzer.SpanID{1}, analyzer.SpanID{9}, "agent"
	orphan.Attributes, orphan.Scope = nil, &analyzer.Scope{}
	inner.Parent = orphan.ID
	change(&orphan, &inner)
	return analyzer.NewTrace([]analyzer.Span{orphan, inner})
}

func TestDoubtsOfATraceAreThoseOfItsRequests(t *testing.T) {
	always := analyzer.Warnings{analyzer.WarnOrphan: 1, WarnNoInstance: 1}
	for _, c := range []struct {
		name   string
		change func(orphan, call *analyzer.Span)
		want   analyzer.Warnings
	}{
		{"a caller whose spans go elsewhere", func(*analyzer.Span, *analyzer.Span) {}, nil},
		{"a parent in the same process", func(o, _ *analyzer.Span) { o.Kind = analyzer.SpanKindInternal }, analyzer.Warnings{WarnPartialTrace: 1}},
		{"a server whose parent is known to be local", func(o, _ *analyzer.Span) { o.Flags = 0x101 }, analyzer.Warnings{WarnPartialTrace: 1}},
		{"a remote parent", func(o, _ *analyzer.Span) { o.Kind, o.Flags = analyzer.SpanKindInternal, 0x300 }, nil},
		{"what was dropped", func(o, c *analyzer.Span) { o.DroppedAttributes, c.DroppedEvents, c.DroppedLinks = 2, 3, 4 },
			analyzer.Warnings{WarnAttributesLost: 2, WarnEventsLost: 3, WarnLinksLost: 4}},
		{"received in good time", func(o, _ *analyzer.Span) { o.ReceivedAt = o.End - second }, nil},
		{"a clock that is ahead", func(o, _ *analyzer.Span) { o.ReceivedAt = o.End - 3*second }, analyzer.Warnings{WarnEndAfterReceipt: 1}},
		{"no time at all", func(o, _ *analyzer.Span) { o.Start = 0 }, analyzer.Warnings{WarnMisdated: 1}},
		{"an instance", func(_, c *analyzer.Span) {
			c.Resource = &analyzer.Resource{Attributes: analyzer.Attributes{{Key: "service.instance.id", Value: analyzer.String("a")}}}
		}, analyzer.Warnings{WarnNoInstance: -1}},
	} {
		p := build(Window{}, Filter{}, []*analyzer.Trace{doubtful(c.change)})
		want := analyzer.Warnings{}
		want.Merge(always)
		for name, n := range c.want {
			if want[name] += n; want[name] == 0 {
				delete(want, name)
			}
		}
		if d := cmp.Diff(want, p.Warnings); d != "" {
			t.Errorf("%s: warnings (-want +got):\n%s", c.name, d)
		}
		if got := p.Records[0].Doubts; got != doubtsOf(want) {
			t.Errorf("%s: doubts of the request %b, want %b", c.name, got, doubtsOf(want))
		}
	}
}

func TestTheNearestSpanSaysHowARequestWasSampled(t *testing.T) {
	half, tenth := "ot=th:8", "ot=th:e6666666666666"
	for _, c := range []struct {
		name   string
		change func(root, call *analyzer.Span)
		want   float64
	}{
		{"nobody", func(*analyzer.Span, *analyzer.Span) {}, 0},
		{"the root", func(r, _ *analyzer.Span) { r.TraceState = half }, 0.5},
		{"the call", func(_, c *analyzer.Span) { c.TraceState = tenth }, 0.1},
		{"both", func(r, c *analyzer.Span) { r.TraceState, c.TraceState = half, tenth }, 0.1},
		{"the root's sampler", func(r, c *analyzer.Span) {
			r.Attributes = analyzer.Attributes{{Key: "sampler.type", Value: analyzer.String("ratelimiting")}}
		}, analyzer.UnknownRate},
	} {
		p := build(Window{}, Filter{}, []*analyzer.Trace{doubtful(c.change)})
		if got := p.Records[0].Probability; got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
