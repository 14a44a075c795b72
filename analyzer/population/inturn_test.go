package population

import (
	"math/rand/v2"
	"testing"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/replay"
)

// skewed are requests of two replicas of one engine with two seats, by the engine's own steps: one gets that share of them
// by chance, or they take turns.
func skewed(share float64, inTurn bool) []planned {
	random := rand.New(rand.NewPCG(7, 7))
	engine := replay.Batching{Seats: 2, Budget: 2048, Step: 1e7, PerSequence: 1e5, PerToken: 5e4}
	jobs := map[string][]replay.Job{}
	at := int64(1e18)
	for i := range 3000 {
		at += int64(random.ExpFloat64() * 0.5e9)
		name := "a"
		if other := random.Float64() > share; other && !inTurn || inTurn && i%2 == 1 {
			name = "b"
		}
		jobs[name] = append(jobs[name], replay.Job{Arrive: at, PromptTokens: 200 + random.Int64N(1500), DecodeTokens: 20 + random.Int64N(90)})
	}
	var list []planned
	for _, name := range []string{"a", "b"} {
		for i, t := range engine.Run(jobs[name]) {
			j := jobs[name][i]
			list = append(list, planned{
				start: j.Arrive, queue: max(1, t.Start-j.Arrive), prefill: t.FirstToken - t.Start, decode: t.End - t.FirstToken,
				in: j.PromptTokens, out: j.DecodeTokens + 1, instance: name,
			})
		}
	}
	return list
}

// TestQueueInTurn: what queue scores where one of two replicas gets nearly all is what the same requests win when they
// take turns, and no capacity is added.
func TestQueueInTurn(t *testing.T) {
	facts := Facts{"max_num_seqs": "2", "max_num_batched_tokens": "2048"}
	mean := func(p *Population) (ns float64) {
		for i := range p.Records {
			ns += float64(p.Records[i].E2E()) / float64(len(p.Records))
		}
		return ns
	}
	broken, even := populationOf(skewed(0.9, false)), populationOf(skewed(0.9, true))
	score := scoreOf(t, Examine(broken, StudyOptions{Facts: facts}), analyzer.Queue, PathE2E, CohortAll)
	if score.Value == nil || score.FloorSource != FloorInTurn || score.Capacity != 1 {
		t.Fatalf("%+v, want a replay in turn", score)
	}
	if saved := 100 * (1 - mean(even)/mean(broken)); saved < 20 || *score.Value < saved-3 || *score.Value > saved+3 {
		t.Errorf("queue scores %.1f, and with requests in turn %.1f %% are saved", *score.Value, saved)
	}
	if s := scoreOf(t, Examine(even, StudyOptions{Facts: facts}), analyzer.Queue, PathE2E, CohortAll); s.FloorSource == FloorInTurn && *s.Value > 10 {
		t.Errorf("in turn, queue scores %.1f", *s.Value)
	}
}
