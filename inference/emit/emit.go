package emit

import (
	"cmp"
	"fmt"
	"iter"
	"slices"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/inference/sim"
)

// A Dialect is one way to write a run down.
type Dialect struct {
	Name string
	Doc  string // what it loses, and where it is from
	// Recorded names the recording that its spans agree with; "" says that it is written from documentation.
	Recorded string
	// Client says that it is the caller's view: the server emits nothing.
	Client bool
	// Tokens says that it writes every token, for which the run must have kept their times.
	Tokens bool

	// untraced says that the server's HTTP endpoints write no spans of their own.
	untraced bool

	request func(w *writer, r *sim.Request) []analyzer.Span
	metrics func(w *writer, s sim.Sample) []analyzer.MetricPoint
}

// Dialects lists every dialect.
var Dialects = []Dialect{vllm, sglang, tgi, triton, tensorRT, llamaCpp, openInference, openInferencePython, openLLMetry, openLLMetryPython, genAI, genAIChunk, vercel, ollamaOpenLLMetry, own}

// ByName returns the dialect of that name.
func ByName(name string) (Dialect, error) {
	var names []string
	for _, d := range Dialects {
		if d.Name == name {
			return d, nil
		}
		names = append(names, d.Name)
	}
	return Dialect{}, fmt.Errorf("dialect %q is unknown: want one of %q", name, names)
}

// Options say how a run is written down.
type Options struct {
	// Bare leaves out the spans of everybody but the model server or the SDK: applications, gateways, HTTP servers.
	Bare bool
	// NoInstance leaves service.instance.id out, as a server does that nobody configured.
	NoInstance bool
	Truth      bool   // slowtoken.truth.* on the outermost span of each request
	Fault      string // as it was injected; part of the truth
	Damage     Damage
}

// Traces yields the traces of a run in the order in which they end: of each request, and of each monitor's visit where
// the dialect is a server's. Damage is done to them. The memory of a yielded trace is the caller's.
func Traces(run *sim.Run, d Dialect, o Options) iter.Seq[[]analyzer.Span] {
	return func(yield func([]analyzer.Span) bool) {
		w := newWriter(run, d, o)
		type item struct {
			end   int64
			index int // of the request; of the scrape below zero
		}
		items := make([]item, 0, len(run.Requests)+len(run.Scrapes))
		for i := range run.Requests {
			items = append(items, item{run.Requests[i].ClientEnd, i})
		}
		if !d.Client && !d.untraced && !o.Bare {
			for i := range run.Scrapes {
				if run.Scrapes[i].Answered > 0 {
					items = append(items, item{run.Scrapes[i].Answered, -1 - i})
				}
			}
		}
		slices.SortStableFunc(items, func(a, b item) int { return cmp.Compare(a.end, b.end) })
		for _, it := range items {
			var spans []analyzer.Span
			if it.index < 0 {
				spans = w.scrape(-1-it.index, &run.Scrapes[-1-it.index])
			} else {
				spans = w.trace(&run.Requests[it.index])
			}
			if spans = o.Damage.apply(w, spans); len(spans) > 0 && !yield(spans) {
				return
			}
		}
	}
}

// Metrics returns the gauges and counters of a run, by the names of the dialect's stack and of NVIDIA's exporter. A
// client has none.
func Metrics(run *sim.Run, d Dialect, o Options) (points []analyzer.MetricPoint) {
	if d.metrics == nil {
		return nil
	}
	w := newWriter(run, d, o)
	for _, s := range run.Samples {
		points = append(points, d.metrics(w, s)...)
		points = append(points, w.gpu(s)...)
	}
	return points
}

// trace returns the spans of a request, with the truth on the first, which is the outermost.
func (w *writer) trace(r *sim.Request) []analyzer.Span {
	w.begin(uint64(r.Index), r)
	spans := w.dialect.request(w, r)
	if w.options.Truth && len(spans) > 0 {
		spans[0].Attributes = append(spans[0].Attributes, w.truth(r)...)
	}
	return spans
}

// truth returns what is known of a request, in nanoseconds.
func (w *writer) truth(r *sim.Request) (list analyzer.Attributes) {
	fault := w.options.Fault
	if fault == "" {
		fault = "none"
	}
	list = append(list, text("slowtoken.truth.fault", fault), text("slowtoken.truth.stream", r.Stream),
		number("slowtoken.truth.start", r.Due), number("slowtoken.truth.e2e", r.E2E()), number("slowtoken.truth.ttft", r.TTFT()))
	for _, l := range []struct {
		name string
		ns   [analyzer.NumPhases]int64
	}{{"e2e", sim.ByPhase(r.Ledger())}, {"ttft", sim.ByPhase(r.FirstTokenLedger())}} {
		for _, p := range analyzer.Phases {
			if ns := l.ns[p]; ns > 0 {
				list = append(list, number("slowtoken.truth."+l.name+"."+p.String(), ns))
			}
		}
	}
	for _, n := range []struct {
		name string
		n    int64
	}{{"stalled", r.Stalled}, {"preempted", r.Preempted}, {"preemptions", int64(r.Preemptions)}, {"cached_tokens", int64(r.Cached)}, {"attempts", int64(1 + len(r.Attempts))}} {
		list = append(list, number("slowtoken.truth."+n.name, n.n))
	}
	return list
}
