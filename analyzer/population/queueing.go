package population

import (
	"fmt"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/replay"
)

// The verdicts of queueing.
const (
	QueueCalm         = "calm"                       // nobody waits for long: there is no ratio
	QueueLoad         = "load explains it"           // the replay waits as long
	QueueHeld         = "capacity was held idle"     // the replay waits for less, and sampling is not why
	QueueHeldOrSample = "held idle, or sampled"      // the same, and it cannot be told which
	QueueNotFIFO      = "not FIFO, or too few slots" // the replay waits for longer
	QueueBusy         = "busy, not for slots"        // no slots bind, but it serves all the while, and in order: see Backlog
	QueueUnknown      = "unknown"                    // see Abstained
)

const (
	minLongWaits  = 30   // fewer are calm
	calmShare     = 0.05 // of mean E2E: a mean wait under it is calm
	lowRatio      = 0.8  // replayed / observed wait that load explains
	highRatio     = 1.25
	minKnownQueue = 0.9 // share of the requests whose queue must be known

	// mixedStep is how much longer than a decode step one may take that also ends a prompt, whose successor starts with
	// that same step: on recorded runs it is 1.07 to 1.13.
	mixedStep = 1.25
)

// A Queueing says how requests of one domain wait, and for what. Times are nanoseconds.
type Queueing struct {
	Requests int     `json:"requests"` // whose queue and service are known
	Waits    int     `json:"waits"`    // of over 10 ms
	MeanWait float64 `json:"mean_wait_ns"`
	MeanE2E  float64 `json:"mean_e2e_ns"`
	MaxDepth int     `json:"max_depth"` // most requests that waited at once

	Plateaus []Plateau `json:"plateaus,omitempty"` // prefill, decode, both
	Binding  string    `json:"binding,omitempty"`  // the stage whose slots end the waits; "" while unknown
	Slots    int       `json:"slots,omitempty"`    // of the binding stage

	ReplayedWait float64 `json:"replayed_wait_ns,omitempty"` // mean, with those slots
	Ratio        float64 `json:"ratio,omitempty"`            // of replayed to observed wait
	Verdict      string  `json:"verdict"`
	HeldBy       string  `json:"held_by,omitempty"` // what the waits beyond the replay concentrate in, such as "adapter=sql"; without slots, all of them

	Utilisation float64      `json:"utilisation,omitempty"`           // of the slots of the binding stage
	Saturation  float64      `json:"saturation_per_s,omitempty"`      // requests a second that its slots can serve
	Arrivals    float64      `json:"arrivals_per_s"`                  //
	ClosedForms *ClosedForms `json:"closed_forms,omitempty"`          // for context; nil where their conditions do not hold
	Static      *StaticBatch `json:"static_batching,omitempty"`       // nil if waits are not like that
	HeadOfLine  *HeadOfLine  `json:"head_of_line_blocking,omitempty"` // nil where it cannot be told

	Backlog *Backlog `json:"backlog,omitempty"` // nil where nobody waits for long
	Passing *Passing `json:"passing,omitempty"` // nil where nobody comes while another waits for long, or it is not known who is of one engine
	Rounds  *Rounds  `json:"rounds,omitempty"`  // nil without any, or where it is not known who is of one engine

	Abstained []Abstention `json:"abstained,omitempty"`
}

// Server returns the server that the waits show, to be replayed; ok is false where they show none. One that is calm has
// no limits: none was seen to bind.
func (q *Queueing) Server() (s replay.Slots, ok bool) {
	switch {
	case q.Verdict == QueueCalm:
		return replay.Slots{}, true
	case q.Verdict == QueueUnknown || q.Verdict == QueueBusy || q.Verdict == QueueHeldOrSample:
		return replay.Slots{}, false
	}
	return slotsOf(q.Binding, q.Slots), q.Slots > 0
}

func slotsOf(stage string, n int) (s replay.Slots) {
	switch stage {
	case StagePrefill:
		s.Prefill = n
	case StageDecode:
		s.Decode = n
	case StageBoth:
		s.Both = n
	}
	return s
}

func (q *Queueing) abstain(what, why, remedy string) {
	q.Abstained = append(q.Abstained, Abstention{what, why, remedy})
}

// Queueing returns how those members of d wait, whose sizes are s.
func (p *Population) Queueing(d *Domain, members []int32, s *Sizes, f Facts) Queueing {
	q := Queueing{Verdict: QueueUnknown}
	l := p.loadWithBefore(d, members)
	q.Requests = len(l.Jobs) - l.Before
	if float64(q.Requests) < minKnownQueue*float64(len(members)) || q.Requests == 0 {
		q.abstain("queueing of "+d.Label(), fmt.Sprintf("queue and prefill are told apart in %d of %d requests", q.Requests, len(members)), "trace the engine itself")
		return q
	}
	p.observe(&q, &l)
	q.Static = l.windowed().staticBatches()
	q.Backlog = l.windowed().backlog()
	var held []int64 // of those that are passed
	if d.SlotsKnown() && q.Waits >= minLongWaits {
		q.Passing, held = l.windowed().passed()
		if l.Opaque == 0 { // else there may be somebody's prompt in what looks like room
			q.Rounds = l.windowed().rounds()
		}
	}
	if q.Waits < minLongWaits || q.MeanWait < calmShare*q.MeanE2E {
		q.Verdict = QueueCalm
		return q
	}
	if !d.SlotsKnown() {
		q.abstain("slots of "+d.Label(), "no span names the engine's process, so that requests of several may be taken together",
			"set service.instance.id on the engine's resource, or state --fact replicas=N")
		return q
	}
	if why := p.sampled(members, f); why != "" {
		q.abstain("slots of "+d.Label(), why, "trace every request, or state --fact sampling=none")
		return q
	}
	step := int64(mixedStep * s.TPOT.Value)
	if step <= 0 {
		step = longWait
	}
	q.Plateaus = l.plateaus(step)
	b := binding(q.Plateaus)
	if b < 0 {
		if q.Passing.Held() || q.Rounds.Held() {
			q.Verdict, q.HeldBy = QueueHeld, p.concentrated(l.windowed(), held)
			return q
		}
		q.abstain("slots of "+d.Label(), "in no stage are there slots whose departures end 80 % of the waits, or that are full for 90 % of them", "")
		if q.Backlog.Loaded() {
			q.Verdict = QueueBusy
		}
		return q
	}
	q.Binding, q.Slots = q.Plateaus[b].Stage, q.Plateaus[b].Count
	replayed := slotsOf(q.Binding, q.Slots).Run(l.Jobs)
	q.judge(p, &l, replayed, f)
	if q.Verdict == QueueHeldOrSample {
		return q
	}
	q.utilise(&l, b)
	q.HeadOfLine = l.windowed().headOfLine(b)
	return q
}

// observe fills in what needs no model.
func (p *Population) observe(q *Queueing, l *Load) {
	own := l.windowed()
	q.MeanWait = own.meanWait()
	for i, m := range own.Members {
		q.MeanE2E += float64(p.Records[m].E2E()) / float64(len(own.Members))
		if own.Waits[i] > longWait {
			q.Waits++
		}
	}
	waits := l.queue()
	q.MaxDepth = waits.most()
	if span := own.span(); span > 0 {
		q.Arrivals = float64(len(own.Jobs)) / span
	}
}

// span is how many seconds lie between the first arrival and the last.
func (l *Load) span() float64 {
	return float64(l.Jobs[len(l.Jobs)-1].Arrive-l.Jobs[0].Arrive) / 1e9
}

// judge compares the waits with those of the replay.
func (q *Queueing) judge(p *Population, l *Load, replayed []replay.Times, f Facts) {
	held := make([]int64, len(l.Jobs)) // what the replay does not explain
	for i := l.Before; i < len(l.Jobs); i++ {
		wait := replayed[i].Start - l.Jobs[i].Arrive
		q.ReplayedWait += float64(wait) / float64(q.Requests)
		held[i] = max(0, l.Waits[i]-wait)
	}
	q.Ratio = q.ReplayedWait / q.MeanWait
	switch {
	case q.Ratio > highRatio:
		q.Verdict = QueueNotFIFO
	case q.Ratio >= lowRatio:
		q.Verdict = QueueLoad
	default:
		if q.HeldBy = p.concentrated(l.windowed(), held[l.Before:]); q.HeldBy != "" || q.Passing.Held() || q.Rounds.Held() || f[FactSampling] == NoSampling {
			q.Verdict = QueueHeld
			return
		}
		q.Verdict = QueueHeldOrSample
		q.abstain("slots, utilisation, blame and what-if",
			fmt.Sprintf("with %d slots in %s, waits would be %.0f %% of those observed: capacity was held idle, or requests are missing that a sampler left out", q.Slots, q.Binding, 100*q.Ratio),
			"state --fact sampling=none if every request is traced")
	}
}

// sampled says that requests were left out by a sampler, "" if nothing tells so.
func (p *Population) sampled(members []int32, f Facts) string {
	if f[FactSampling] == NoSampling {
		return ""
	}
	if share, ok := f.Sampling(); ok && share < 1 {
		return fmt.Sprintf("only %g of the requests are traced", share)
	}
	n := 0
	for _, m := range members {
		if s := p.Records[m].Probability; s == analyzer.UnknownRate || s > 0 && s < 1 {
			n++
		}
	}
	if n*20 > len(members) {
		return fmt.Sprintf("%d of %d requests are samples of more", n, len(members))
	}
	return ""
}
