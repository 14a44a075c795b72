package population

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/slowtoken/slowtoken/analyzer/replay"
)

// minSlower is how much longer than alone a request must take in full slots for them to share a device.
const minSlower = 0.1

// factSlower is the key of how much requests slow each other down, where somebody has measured it: see [replay.Shared].
const factSlower = "slower_per_neighbour"

// sharedServer is a server whose slots share one device, as those of a CPU or of a full GPU do: requests take the longer,
// the more are served beside them. It is nil where neither the traces show that beyond doubt nor a fact states it.
func (t *trial) sharedServer() *candidate {
	q := &t.d.Queueing
	if q.Binding == StagePrefill {
		return nil
	}
	slower, _ := t.slower()
	if slower*float64(max(q.Slots, t.change.Slots, t.together())-1) < minSlower {
		return nil
	}
	now := replay.Shared{Slots: t.taken(), Slower: slower}
	after := now
	after.Slots = t.change.Slots
	alone := t.alone(now)
	name := "no limit of slots"
	if now.Slots > 0 {
		name = slotCount(now.Slots, cmp.Or(q.Binding, StageBoth))
	}
	return &candidate{
		name: fmt.Sprintf("%s, each taking %.0f %% longer for every other one beside it", name, 100*now.Slower),
		assumptions: []string{
			"requests slow each other down in prefill as they do in decode, and by as much for each one more, however many they are",
		},
		today: alone(now.Run), after: alone(after.Run),
	}
}

// taken is how many slots were seen to bind, or else were taken for nearly all of the time that somebody waited: whether
// that explains the waits, the replay of today says. It is 0 where nobody waits.
func (t *trial) taken() int {
	q := &t.d.Queueing
	if q.Slots == 0 && q.Verdict != QueueCalm {
		for _, p := range q.Plateaus {
			if p.Stage == StageBoth && p.Share >= minFull {
				return p.Count
			}
		}
	}
	return q.Slots
}

// together is the most requests that were in prefill or decode at once.
func (t *trial) together() (most int) {
	t.load.inService(func(inside int) float64 { most = max(most, inside); return 0 })
	return most
}

// slower returns by how much of its time alone a request takes longer for each other one in service beside it: by so much
// that what a token takes without them has nothing to do with how many there were, or as much as is stated. It is 0
// unless tokens take longer with more requests in service beyond doubt; told is false where they may, and by much, and
// nobody can see it because as many were in service at all times.
func (t *trial) slower() (slower float64, told bool) {
	if stated, ok := t.facts.Number(factSlower); ok {
		return stated, true
	}
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
		return 0, true
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
		full, fewer := slices.Max(beside), 0
		for _, n := range beside {
			if n < 0.75*full {
				fewer++
			}
		}
		return 0, ok && fewer >= minSizes && line.Slope.High*(full-1) < maxUnseen*line.At(full)
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
	return (low + high) / 2, true
}

// maxUnseen is how much of the time of a token may be due to others without being seen.
const maxUnseen = 0.25

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
