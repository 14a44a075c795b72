package population

import (
	"cmp"
	"fmt"
	"math"

	"github.com/slowtoken/slowtoken/analyzer/replay"
)

// A candidate is a server that may reproduce today, as it is and as the change has it.
type candidate struct {
	name        string
	assumptions []string
	today       func([]replay.Job) []replay.Times
	after       func([]replay.Job) []replay.Times
	byTokens    bool // it computes times from tokens
	grows       bool // its steps take longer with more requests in decode, as those observed do
}

// servers returns the candidates in the order to try them: the first that reproduces today answers.
func (t *trial) servers() ([]candidate, *Abstention) {
	q, c := &t.d.Queueing, t.change
	what := "what-if of " + t.d.Domain.Label()
	calm := q.Verdict == QueueCalm
	slots, slotsWhy := t.slotServer()
	batching, batchingWhy := t.batchingServer()
	var shared *candidate
	told := true
	if c.Slots > 0 {
		shared = t.sharedServer()
		_, told = t.slower()
	}
	var list []candidate
	add := func(s *candidate) {
		if s != nil {
			list = append(list, *s)
		}
	}
	switch {
	case c.Slots > 0 && calm && c.Slots >= t.together():
		return nil, &Abstention{what, "nobody waits for long, so that no limit of slots was seen to bind", "leave --slots out, or ask for fewer than are taken"}
	case c.Slots > 1 && q.Slots == 1 && shared == nil:
		return nil, &Abstention{what, "one request is served at a time, so that no trace shows how much several would slow each other down",
			"let the server serve two at a time for a while, or state --fact " + factSlower + "=K: by how much of its time alone a request takes longer for each other one beside it"}
	case c.Slots > 0 && shared == nil && !told && batching != nil: // as long as it was served, no request may be with other slots
		add(batching)
	case c.Slots > 0 && shared == nil && !told:
		return nil, &Abstention{what, fmt.Sprintf("%d requests are served at nearly all times, so that no trace shows how fast fewer would be", t.together()),
			"take a window with quiet times, too, or state --fact " + factSlower + "=K: by how much of its time alone a request takes longer for each other one beside it"}
	case c.ChunkBudget > 0:
		add(batching)
		slotsWhy = batchingWhy
	case c.Rate > 1 && calm:
		// Nobody waits today: what more requests would bring is in the steps that they share.
		add(batching)
		slotsWhy = batchingWhy
	case c.Slots > 0 && shared != nil: // as long as it was served, no request would be with other slots
		if batching != nil && batching.grows {
			add(batching)
		}
		add(shared)
	case c.Slots > 0 && q.Binding != StagePrefill && batching != nil && batching.grows:
		add(batching)
		add(slots)
	default:
		add(slots)
		add(batching)
	}
	if len(list) == 0 {
		return nil, &Abstention{what, slotsWhy, "a longer window, or a source that states more"}
	}
	return list, nil
}

// slotServer is the server that the waits show: each request is served for as long as it was.
func (t *trial) slotServer() (s *candidate, why string) {
	q, c := &t.d.Queueing, t.change
	today, ok := q.Server()
	if !ok {
		if len(q.Abstained) > 0 {
			return nil, q.Abstained[0].Why
		}
		return nil, "the waits show no slots"
	}
	s = &candidate{name: "no limit of slots: none was seen to bind", today: today.Run}
	after := today
	if q.Binding != "" {
		s.name = fmt.Sprintf("%s, first come first served", slotCount(q.Slots, q.Binding))
	}
	if c.Slots > 0 {
		after = slotsOf(cmp.Or(q.Binding, StageBoth), c.Slots)
		s.assumptions = append(s.assumptions, "a request is served for as long as it was, however many are served beside it: as with slots of another replica")
	}
	if c.Rate > 1 {
		s.assumptions = append(s.assumptions, "a request is served for as long as it was: what more requests in one batch would slow down is not in it")
	}
	s.after = after.Run
	return s, ""
}

func slotCount(n int, stage string) string {
	at := map[string]string{StagePrefill: "in prefill", StageDecode: "in decode", StageBoth: "in prefill or decode"}[stage]
	if n == 1 {
		return "one request " + at + " at a time"
	}
	return fmt.Sprintf("%d requests %s at a time", n, at)
}

// batchingServer is an engine with continuous batching that shares its steps; why says what is missing for it.
func (t *trial) batchingServer() (s *candidate, why string) {
	e, why := t.engine()
	if why != "" {
		return nil, why
	}
	s = &candidate{byTokens: true, grows: e.PerSequence > 0, name: "continuous batching with chunked prefill", assumptions: e.assumptions}
	if e.Budget < math.MaxInt32 {
		s.name += fmt.Sprintf(", %d tokens a step", e.Budget)
	}
	after := e.Batching
	if t.change.ChunkBudget > 0 {
		after.Budget = max(1, int64(math.Round(float64(t.change.ChunkBudget)*e.scale)))
	}
	if t.change.Slots > 0 {
		after.Seats = t.change.Slots
	}
	s.assumptions = append(s.assumptions, "nothing is preempted: the KV cache holds all that is in service")
	s.today = func(jobs []replay.Job) []replay.Times { return e.Run(t.onTokens(jobs, e.extra)) }
	s.after = func(jobs []replay.Job) []replay.Times { return after.Run(t.onTokens(jobs, e.extra)) }
	return s, ""
}
