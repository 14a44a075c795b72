package population

import (
	"cmp"
	"slices"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/replay"
)

// A Load is the requests of a domain as jobs of a replay, by arrival. All that holds of a request is in the replay too:
// from the moment it joins the queue until its last token; what comes before and after stays as it was observed.
type Load struct {
	Members []int32      // indices of Population.Records
	Jobs    []replay.Job // Arrive is since the Unix epoch
	Waits   []int64      // observed, nanoseconds
	Before  int          // how many of the first started before the window: see [Population.Before]
	Unknown int          // requests of the domain whose queue and service its telemetry does not tell apart
	Opaque  int          // jobs whose prefill and decode it does not tell apart: all of their service is Decode
}

// joined returns when r joined the engine's queue: at the start of its first part of queue, else, as one that did not
// have to wait, of prefill or of what holds prefill and no queue. Zero while none is known.
func joined(r *analyzer.Request) int64 {
	for _, is := range [...]func(p *analyzer.Part) bool{
		func(p *analyzer.Part) bool { return p.Phase == analyzer.Queue },
		func(p *analyzer.Part) bool { return p.Phase == analyzer.Prefill },
		func(p *analyzer.Part) bool { return p.Covers.Has(analyzer.Prefill) && !p.Covers.Has(analyzer.Queue) },
	} {
		for i := range r.E2ELedger.Parts {
			if part := &r.E2ELedger.Parts[i]; is(part) {
				return part.Start
			}
		}
	}
	return 0
}

// opaque returns how long r waited and was then served, where all that is known of the service is how long it took.
func (r *Record) opaque() (wait, service int64, ok bool) {
	if r.Joined == 0 || r.FirstToken != 0 || r.Leg != analyzer.LegNone {
		return 0, 0, false
	}
	for _, t := range r.Phases() {
		switch {
		case t.Covers == analyzer.SetOf(analyzer.Prefill, analyzer.Decode):
			service, ok = service+t.E2E, true
		case t.Phase == analyzer.GPUTransfer:
			service += t.E2E
		case t.Phase == analyzer.Queue:
			wait += t.E2E
		}
	}
	return wait, service, ok
}

// InService returns when r left the engine's queue, and when its service ended; ok is false where that is not known.
func (r *Record) InService() (from, to int64, ok bool) {
	wait, prefill, decode, ok := r.served()
	if !ok {
		wait, decode, ok = r.opaque()
	}
	return r.Joined + wait, r.Joined + wait + prefill + decode, ok
}

// served returns how long r waited and was then served, before its first token and after it.
func (r *Record) served() (wait, prefill, decode int64, ok bool) {
	if r.Joined == 0 || r.FirstToken < r.Joined || r.Leg != analyzer.LegNone {
		return 0, 0, 0, false
	}
	known := false
	for _, t := range r.Phases() {
		switch {
		case t.Phase == analyzer.Queue:
			wait += t.TTFT
		case t.Phase == analyzer.Prefill:
			known = known || t.TTFT > 0
		case t.Phase == analyzer.Decode:
			decode += t.E2E - t.TTFT
		}
	}
	wait = min(wait, r.FirstToken-r.Joined)
	if r.LastToken > r.FirstToken {
		decode = r.LastToken - r.FirstToken
	}
	return wait, r.FirstToken - r.Joined - wait, decode, known
}

// Load returns those members of d whose queue and service are known as jobs.
func (p *Population) Load(d *Domain, members []int32) Load {
	l := Load{Members: make([]int32, 0, len(members)), Jobs: make([]replay.Job, 0, len(members)), Waits: make([]int64, 0, len(members))}
	byArrival := slices.Clone(members)
	slices.SortStableFunc(byArrival, func(a, b int32) int { return cmp.Compare(p.Records[a].Joined, p.Records[b].Joined) })
	for _, m := range byArrival {
		job, wait, ok := p.job(d, &p.Records[m])
		if !ok {
			l.Unknown++
			continue
		}
		if p.Records[m].FirstToken == 0 {
			l.Opaque++
		}
		l.Members = append(l.Members, m)
		l.Jobs = append(l.Jobs, job)
		l.Waits = append(l.Waits, wait)
	}
	return l
}

// job returns r as d serves it, with how long it waited there; ok is false where its telemetry does not tell them apart.
func (p *Population) job(d *Domain, r *Record) (job replay.Job, wait int64, ok bool) {
	wait, prefill, decode, ok := r.served()
	if !ok {
		if wait, decode, ok = r.opaque(); !ok {
			return job, 0, false
		}
	}
	job = replay.Job{Arrive: r.Joined, Prefill: prefill, Decode: decode, PromptTokens: r.uncached(), DecodeTokens: max(0, r.OutputTokens-1)}
	if d.PrefillOnly {
		job.Decode, job.DecodeTokens = 0, 0
	} else if r.disaggregated(p) { // here it only decodes, and its wait was the other's
		job = replay.Job{Arrive: r.FirstToken, Decode: decode, DecodeTokens: job.DecodeTokens}
		wait = 0
	}
	return job, wait, true
}

// uncached is how many tokens of the prompt were computed, as far as telemetry tells; 0 while unknown.
func (r *Record) uncached() int64 { return max(0, r.InputTokens-max(0, r.CachedTokens)) }

// start is when job i of l left the queue.
func (l *Load) start(i int) int64 { return l.Jobs[i].Arrive + l.Waits[i] }

// firstToken and end are when job i of l left prefill and decode.
func (l *Load) firstToken(i int) int64 { return l.start(i) + l.Jobs[i].Prefill }
func (l *Load) end(i int) int64        { return l.firstToken(i) + l.Jobs[i].Decode }

func (l *Load) meanWait() float64 { return meanOf(l.Waits) }

func meanOf(list []int64) float64 {
	if len(list) == 0 {
		return 0
	}
	sum := 0.0
	for _, x := range list {
		sum += float64(x)
	}
	return sum / float64(len(list))
}
