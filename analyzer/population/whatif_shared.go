package population

import (
	"fmt"
	"math"
	"slices"

	"github.com/slowtoken/slowtoken/analyzer/replay"
)

// minSlower is how much longer than alone a request must take in full slots for them to share a device.
const minSlower = 0.1

// sharedServer is a server whose slots share one device, as those of a CPU or of a full GPU do: requests take the longer,
// the more are served beside them. It is nil where the traces do not show that beyond doubt.
func (t *trial) sharedServer() *candidate {
	q := &t.d.Queueing
	if q.Slots < 2 || q.Binding == StagePrefill {
		return nil
	}
	now := replay.Shared{Slots: q.Slots, Slower: t.slower()}
	if now.Slower*float64(q.Slots-1) < minSlower {
		return nil
	}
	after := now
	after.Slots = t.change.Slots
	alone := t.alone(now)
	return &candidate{
		name: fmt.Sprintf("%s, each taking %.0f %% longer for every other one beside it", slotCount(q.Slots, q.Binding), 100*now.Slower),
		assumptions: []string{
			"requests slow each other down in prefill as they do in decode, and by as much for each one more, however many they are",
		},
		today: alone(now.Run), after: alone(after.Run),
	}
}

// slower returns by how much of its time alone a request takes longer for each other one in service beside it: by so much
// that what a token takes without them has nothing to do with how many there were. It is 0 unless tokens take longer with
// more requests in service beyond doubt.
func (t *trial) slower() float64 {
	l := &t.load
	in := l.inService(func(inside int) float64 { return float64(inside) })
	var jobs []int
	var beside []float64
	for i := range l.Jobs {
		from, to := l.firstToken(i), l.end(i)
		if l.Jobs[i].DecodeTokens > 0 && to > from && t.p.Records[l.Members[i]].Sequences <= 1 {
			jobs, beside = append(jobs, i), append(beside, in.between(from, to)/float64(to-from))
		}
	}
	if len(jobs) < minSizes {
		return 0
	}
	perToken := make([]float64, len(jobs))
	growth := func(slower float64) (line Line, ok bool) {
		served := l.inService(replay.Shared{Slower: slower}.Speed)
		for k, i := range jobs {
			perToken[k] = served.between(l.firstToken(i), l.end(i)) / float64(l.Jobs[i].DecodeTokens)
		}
		return theilSen(beside, perToken, 1)
	}
	if line, ok := growth(0); !ok || line.Slope.Low <= 0 {
		return 0
	}
	low, high := 0.0, mostSlower
	for high-low > 0.01 {
		middle := (low + high) / 2
		if line, _ := growth(middle); line.Slope.Value > 0 {
			low = middle
		} else {
			high = middle
		}
	}
	return (low + high) / 2
}

// mostSlower is the most that is looked for: with 1, requests share what one of them has alone.
const mostSlower = 4.0

// inService integrates a function of how many are in prefill or decode.
func (l *Load) inService(of func(inside int) float64) integral {
	return l.integrate(slices.Index(Stages[:], StageBoth), of)
}

// alone lets a server run jobs for as long as each would have taken alone on the server of today.
func (t *trial) alone(now replay.Shared) func(func([]replay.Job) []replay.Times) func([]replay.Job) []replay.Times {
	l := &t.load
	served := l.inService(now.Speed)
	share := func(ns int64, from, to int64) int64 {
		if to <= from {
			return ns
		}
		return int64(math.Round(float64(ns) * served.between(from, to) / float64(to-from)))
	}
	return func(run func([]replay.Job) []replay.Times) func([]replay.Job) []replay.Times {
		return func(jobs []replay.Job) []replay.Times {
			jobs = slices.Clone(jobs)
			for i := range jobs {
				jobs[i].Prefill = share(jobs[i].Prefill, l.start(i), l.firstToken(i))
				jobs[i].Decode = share(jobs[i].Decode, l.firstToken(i), l.end(i))
			}
			return run(jobs)
		}
	}
}
