package report

import (
	"iter"
	"runtime"
	"sync"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/population"
	"github.com/slowtoken/slowtoken/rules"
)

// Options say what a report is built from.
type Options struct {
	Source   string // what is read, as a person would name it
	Window   population.Window
	Filter   population.Filter
	Dialects []analyzer.Dialect

	Targets    []Target              // limits of the whole; see [Defaults]
	Objectives population.Objectives // limits of each request; none without
	Definition Definition            // of a benchmark, for more measures; none without
	Facts      population.Facts      // what people state beside the traces
	Baseline   *population.Sample    // of a saved analysis, for the floors of scores; nil for none

	Rules   *rules.Set                                              // name causes; none without
	Metrics func(population.Window) ([]analyzer.MetricPoint, error) // of engines and accelerators in a window; may be nil

	// TraceLink is where a person can look at a trace: a URL with {trace_id}, and with {span_id}, {from_ms} and {to_ms}
	// where it takes them. Empty for none.
	TraceLink string

	// Traces reads traces again, to draw some of them; nil for no drawings.
	Traces func(ids []analyzer.TraceID) iter.Seq2[*analyzer.Trace, error]

	LeftOut func() []Warning // what the reader of the traces left out; asked for once all are read; may be nil
}

// batchSize is how many traces a worker takes at once: enough that handing them over costs nothing beside the work.
const batchSize = 256

// Build reads all traces and computes their report. It stops at the first error that the traces yield. The report is
// the same for every order of the traces.
func Build(traces iter.Seq2[*analyzer.Trace, error], o Options) (*Report, error) {
	p, err := collect(traces, o)
	if err != nil {
		return nil, err
	}
	return summarize(p, o)
}

// collect reads all traces.
func collect(traces iter.Seq2[*analyzer.Trace, error], o Options) (*population.Population, error) {
	batches := make(chan []*analyzer.Trace, 2*runtime.GOMAXPROCS(0))
	builders := make([]*population.Builder, runtime.GOMAXPROCS(0))
	var workers sync.WaitGroup
	for i := range builders {
		b := population.NewBuilder(o.Window, o.Filter, o.Dialects)
		builders[i] = b
		workers.Go(func() {
			for batch := range batches {
				for _, t := range batch {
					b.Add(t)
				}
			}
		})
	}
	err := feed(batches, traces)
	workers.Wait()
	if err != nil {
		return nil, err
	}
	for _, b := range builders[1:] {
		builders[0].Merge(b)
	}
	return builders[0].Population(), nil
}

func feed(batches chan<- []*analyzer.Trace, traces iter.Seq2[*analyzer.Trace, error]) error {
	defer close(batches)
	batch := make([]*analyzer.Trace, 0, batchSize)
	for t, err := range traces {
		if err != nil {
			return err
		}
		if batch = append(batch, t); len(batch) == batchSize {
			batches <- batch
			batch = make([]*analyzer.Trace, 0, batchSize)
		}
	}
	batches <- batch
	return nil
}
