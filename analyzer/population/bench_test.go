package population

import (
	"testing"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/dialect"
	"github.com/slowtoken/slowtoken/inference/synth"
)

// BenchmarkBuilder adds assembled traces of eight spans with one request each. An operation is a trace.
func BenchmarkBuilder(b *testing.B) {
	var traces []*analyzer.Trace
	for spans := range synth.Corpus(synth.CorpusOptions{Seed: 1, Traces: 2000, End: 1772366400e9}) {
		traces = append(traces, analyzer.NewTrace(spans))
	}
	b.ReportAllocs()
	builder := NewBuilder(Window{}, Filter{}, dialect.All)
	for i := 0; b.Loop(); i++ {
		if i%len(traces) == 0 {
			builder = NewBuilder(Window{}, Filter{}, dialect.All)
		}
		builder.Add(traces[i%len(traces)])
	}
	b.ReportMetric(float64(b.N*synth.SpansPerTrace)/b.Elapsed().Seconds(), "spans/s")
}
