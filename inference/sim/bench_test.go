package sim

import (
	"testing"
)

// Virtual time must be cheap: a scoreboard runs hundreds of cases.
func BenchmarkSimulate(b *testing.B) {
	c := NewConfig(Llama8B, H100)
	c.Replicas = 4
	requests := 0
	for b.Loop() {
		run, err := Simulate(c, chat(40, 2500*second))
		if err != nil {
			b.Fatal(err)
		}
		requests += len(run.Requests)
	}
	b.ReportMetric(float64(requests)/b.Elapsed().Seconds(), "requests/s")
}
