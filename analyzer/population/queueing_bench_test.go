package population

import (
	"math/rand/v2"
	"testing"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/replay"
)

// servedRecords returns the records of n requests of an engine with that many slots, four fifths of them busy.
func servedRecords(n, slots int) *Population {
	const mean = 500e6
	r := rand.New(rand.NewPCG(1, 2))
	jobs := make([]replay.Job, n)
	at := 0.0
	for i := range jobs {
		at += r.ExpFloat64() * mean / (0.8 * float64(slots))
		service := r.ExpFloat64() * mean
		jobs[i] = replay.Job{Arrive: int64(at), Prefill: int64(service / 5), Decode: int64(service * 4 / 5)}
	}
	p := &Population{texts: []string{"", "engine"}, details: []string{""}, attributeSets: [][]attribute{nil}}
	for i, t := range (replay.Slots{Both: slots}).Run(jobs) {
		j := jobs[i]
		const epoch = 1_772_366_400e9
		p.Records = append(p.Records, Record{
			Start: epoch + j.Arrive, Joined: epoch + j.Arrive, FirstToken: epoch + t.FirstToken, LastToken: epoch + t.End, End: epoch + t.End,
			InputTokens: j.Prefill/50_000 + 1, OutputTokens: j.Decode/10_000_000 + 2, CachedTokens: -1, Sequences: 1, Instance: 1, shown: 3,
			phases: []PhaseTime{
				{Phase: analyzer.Queue, TTFT: t.Start - j.Arrive, E2E: t.Start - j.Arrive},
				{Phase: analyzer.Prefill, TTFT: j.Prefill, E2E: j.Prefill}, {Phase: analyzer.Decode, E2E: j.Decode},
			},
		})
	}
	return p
}

// BenchmarkQueueing is what a domain costs: sizes, queueing with its replay, and blame. An operation is a request.
func BenchmarkQueueing(b *testing.B) {
	for _, n := range []int{10_000, 100_000, 1_000_000} {
		b.Run(report(n), func(b *testing.B) {
			p := servedRecords(n, 8)
			b.ReportAllocs()
			for b.Loop() {
				d := p.Domains(nil)[0]
				s := p.Sizes(&d, d.Members, 1)
				q := p.Queueing(&d, d.Members, &s, nil)
				if q.Verdict != QueueLoad || q.Slots != 8 {
					b.Fatalf("%+v", q)
				}
				if blame, why := p.Blame(&d, &q); blame == nil {
					b.Fatal(why)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/request")
		})
	}
}

func report(n int) string {
	switch n {
	case 10_000:
		return "1e4"
	case 100_000:
		return "1e5"
	}
	return "1e6"
}
