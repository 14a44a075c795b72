package rules

import (
	"cmp"
	"slices"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/population"
)

// minCrowd is how many times as many must be in service around those who wait as around those who do not, for the
// difference of their service times to say what company costs.
const minCrowd = 2

// A stay is how a request was served: with how many on average, itself included, and for how many nanoseconds until its
// first token and then for each.
type stay struct {
	with, prefill, tpot float64
}

// measureBacklog says how the engine of a domain serves while requests wait. The view is of all of the domain's time, and
// what it says is the same in every case of it.
func measureBacklog(whole *view) Measures {
	m, q := Measures{}, &whole.domain.Queueing
	free, waited, most := whole.stays()
	if most > 0 {
		m["in_service_max"] = number(float64(most), len(whole.members))
	}
	b := q.Backlog
	if b == nil {
		return m
	}
	m["backlog_share"], m["backlog_rate"], m["backlog_in_service"] = number(b.Share, q.Requests), number(b.Rate, q.Requests), number(b.InService, q.Requests)
	busiest := 0.0
	for _, r := range whole.domain.Regimes {
		busiest = max(busiest, r.Arrivals)
	}
	m["backlog_load"] = number(busiest/b.Rate, q.Requests)
	m["peak_wait_share"], m["peak_arrivals"] = number(b.Peaks, q.Waits), number(float64(b.PeakSize), q.Waits)
	whole.measureRoom(m, b, free, waited)
	return m
}

// measureRoom fills in how much more the engine would serve with twice as many in service as there are while requests
// wait: if with n of them each takes a + b n, n / (a + b n) are served a second, and with twice as many a / (a + 2 b n)
// more. A limit that holds them back costs something only where that is much: where b n is most of it, the device is full.
//
// What company costs is read from those who find so little of it that they do not wait, against those who wait. Among the
// latter alone it cannot be: where a cache or a token budget binds, fewer are in service when prompts are long.
func (v *view) measureRoom(m Measures, b *population.Backlog, free, waited []stay) {
	if len(waited) < minCompared {
		return
	}
	many := medianStay(waited)
	few, tokens := many, v.tokensAfterFirst()
	if len(free) >= minCompared {
		slices.SortFunc(free, func(x, y stay) int { return cmp.Compare(x.with, y.with) })
		few = medianStay(free[:max(minCompared, len(free)/100)])
	}
	if step, ok := v.stepAlone(); ok && many.with < minCrowd*few.with { // nobody is seen in little company
		few = stay{with: 1, tpot: min(step, many.tpot)}
		many.prefill = 0
	}
	if many.with < minCrowd*few.with || few.tpot == 0 || many.tpot == 0 {
		return
	}
	// For answers of one length: those that find little company are short.
	alone, crowded := few.prefill+few.tpot*tokens, many.prefill+many.tpot*tokens
	each := max(0, (crowded-alone)/(many.with-few.with))
	fixed := max(0, alone-each*few.with)
	if fixed+each <= 0 {
		return
	}
	n := len(free) + len(waited)
	m["room"] = number(fixed/(fixed+2*each*b.InService), n)
	// With twice the replicas each serves half of what is served now.
	half := b.InService / (fixed + each*b.InService) / 2
	if relieved := fixed / (1 - each*half); crowded > relieved {
		m["crowd_recoverable"] = span(crowded-relieved, n)
	}
}

// overFloor is how many times the least that the device allows a well-run engine takes for a step: it gets two thirds of
// the memory's rate.
const overFloor = 1.5

// stepAlone is how long a step of decode takes with nobody else in it, as far as model and device tell.
func (v *view) stepAlone() (ns float64, ok bool) {
	if v.domain.Hardware == nil {
		return 0, false
	}
	ns, ok = v.domain.Hardware.StepFloor()
	return overFloor * ns, ok
}

// tokensAfterFirst is the mean number of tokens of answers after the first.
func (v *view) tokensAfterFirst() float64 {
	sum, n := 0.0, 0
	for _, r := range v.latency {
		if r.OutputTokens > 0 {
			sum, n = sum+float64(r.OutputTokens-1), n+1
		} else if steps := r.Steps(); steps > 0 {
			sum, n = sum+float64(steps), n+1
		}
	}
	return sum / float64(max(1, n))
}

// stays returns how long those were in service who did not wait and those who did, and how many there were at most at once.
func (v *view) stays() (free, waited []stay, most int) {
	var changes []fleetChange
	for _, r := range v.members {
		if from, to, ok := r.InService(); ok && from < to {
			changes = append(changes, fleetChange{at: from, inside: 1}, fleetChange{at: to, inside: -1})
		}
	}
	slices.SortFunc(changes, func(a, b fleetChange) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.inside, b.inside)) })
	at, sum := make([]int64, len(changes)), make([]float64, len(changes)) // sum of stays up to then
	inside := 0
	for i, c := range changes {
		if at[i] = c.at; i > 0 {
			sum[i] = sum[i-1] + float64(inside)*float64(c.at-changes[i-1].at)
		}
		inside += c.inside
		most = max(most, inside)
	}
	for _, r := range v.latency {
		from, to, ok := r.InService()
		if !ok || from >= to {
			continue
		}
		first, _ := slices.BinarySearch(at, from)
		last, _ := slices.BinarySearch(at, to)
		s := stay{with: (sum[last] - sum[first]) / float64(to-from)}
		s.prefill = float64(phaseTime(r, analyzer.Prefill, population.PathTTFT))
		s.tpot = step(r)
		if phaseTime(r, analyzer.Queue, population.PathE2E) > longWait {
			waited = append(waited, s)
		} else {
			free = append(free, s)
		}
	}
	return free, waited, most
}

// step is how long a step of decode took r, by its tokens or by the steps that its telemetry shows; 0 while unknown.
func step(r *population.Record) float64 {
	if tpot, ok := r.TPOT(); ok {
		return tpot
	}
	if n := r.Steps(); n > 0 && r.LastToken > r.FirstToken && r.FirstToken > 0 {
		return float64(r.LastToken-r.FirstToken) / float64(n)
	}
	return 0
}

// medianStay returns the median of each.
func medianStay(list []stay) (m stay) {
	values := make([]float64, len(list))
	for _, of := range [...]func(*stay) *float64{
		func(s *stay) *float64 { return &s.with }, func(s *stay) *float64 { return &s.prefill },
		func(s *stay) *float64 { return &s.tpot },
	} {
		for i := range list {
			values[i] = *of(&list[i])
		}
		slices.Sort(values)
		*of(&m) = values[population.NearestRank(len(values), 0.5)]
	}
	return m
}
