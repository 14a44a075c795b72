package population

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/replay"
)

// servedPopulation returns n requests to four engines of 10 slots each, whose load changes twice: every one queues, is prefilled
// and decoded, and states its sizes, a tenant and a route.
func servedPopulation(n int, seed uint64) *Population {
	const engines, slots, perSecond = 4, 10, 10.0
	random := rand.New(rand.NewPCG(seed, 1))
	b := NewBuilder(Window{}, Filter{}, nil)
	for e := range engines {
		var jobs []replay.Job
		var in, out []int64
		t := float64(1772366400e9)
		for i := range n / engines {
			rate := perSecond * []float64{1, 1.25, 0.7}[3*i*engines/n]
			t += random.ExpFloat64() / rate * 1e9
			x, y := 100+int64(random.ExpFloat64()*800), 2+int64(random.ExpFloat64()*60)
			in, out = append(in, x), append(out, y)
			jobs = append(jobs, replay.Job{Arrive: int64(t), Prefill: x * 2e5, Decode: y * 1e7})
		}
		for i, at := range (replay.Slots{Both: slots}).Run(jobs) {
			j := &jobs[i]
			const frontend = 2e6
			r := analyzer.Request{
				Start: j.Arrive - frontend, End: at.End, FirstToken: at.FirstToken, LastToken: at.End,
				InputTokens: in[i], OutputTokens: out[i], CachedTokens: -1, Sequences: 1, Attempts: 1,
				Service: "engine", Instance: fmt.Sprintf("engine-%d", e), Model: "llama", Dialect: "vllm",
			}
			binary.BigEndian.PutUint64(r.TraceID[:], uint64(e)<<32|uint64(i)+1)
			binary.BigEndian.PutUint64(r.SpanID[:], uint64(i)+1)
			part := func(from, to int64, ph analyzer.Phase) analyzer.Part {
				return analyzer.Part{Start: from, End: to, Phase: ph, Source: analyzer.SourceAttribute}
			}
			r.TTFTLedger.Parts = []analyzer.Part{
				part(r.Start, j.Arrive, analyzer.Frontend), part(j.Arrive, at.Start, analyzer.Queue), part(at.Start, at.FirstToken, analyzer.Prefill),
			}
			r.E2ELedger.Parts = append(slices.Clone(r.TTFTLedger.Parts), part(at.FirstToken, at.End, analyzer.Decode))
			span := analyzer.Span{TraceID: r.TraceID, ID: r.SpanID, Start: r.Start, End: r.End, Attributes: analyzer.Attributes{
				{Key: "tenant.id", Value: analyzer.String(fmt.Sprintf("tenant-%d", random.IntN(20)))},
				{Key: "http.route", Value: analyzer.String([]string{"/v1/chat/completions", "/v1/completions"}[random.IntN(2)])},
			}}
			b.survey = survey{}
			b.addRequest(&analyzer.Trace{Spans: []analyzer.Span{span}}, &r)
		}
	}
	return b.Population()
}

// BenchmarkExamine studies requests whose ledgers are given. An operation is a study.
func BenchmarkExamine(b *testing.B) {
	for _, n := range []int{1e4, 1e5, 1e6} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			p := servedPopulation(n, 1)
			runtime.GC()
			b.ReportAllocs()
			for b.Loop() {
				Examine(p, StudyOptions{Seed: 1, TargetMissed: true})
			}
			b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "requests/s")
		})
	}
}
