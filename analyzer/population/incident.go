package population

import (
	"cmp"
	"slices"
)

// An Incident is a short stretch that holds nearly all of a regime's tail. Times are nanoseconds since the Unix epoch,
// lengths nanoseconds.
type Incident struct {
	Domain string `json:"domain"`
	Since  int64  `json:"since_ns"` // when its blocks begin
	Until  int64  `json:"until_ns"`

	// The burst is where arrivals most exceed twice the regime's rate: its first arrival, how many there are, and how long
	// they took to arrive.
	Burst    int64 `json:"burst_ns"`
	Arrivals int   `json:"arrivals"`
	Within   int64 `json:"arrived_within_ns"`
	// Drain is how long it took from the burst's first arrival until no more were in flight than usual: than the
	// regime's time-weighted median without its incidents, at least one. 0 where that did not happen in the regime.
	Drain int64 `json:"drain_ns"`

	Tail       int      `json:"tail"`    // requests of the regime's tail in it
	TailOf     int      `json:"tail_of"` // all requests of the regime's tail
	P95        int64    `json:"p95_e2e_ns"`
	P95Without int64    `json:"p95_e2e_without_ns"` // of the regime without the incident's requests
	Worst      Exemplar `json:"worst"`
	Members    []int32  `json:"-"` // of the regime's Latency: those of its blocks
}

// What makes an incident.
const (
	incidentTail   = 5    // requests of the tail at least
	incidentBlocks = 5    // blocks that hold them, fewer than
	incidentShare  = 0.9  // of the tail that they hold at least
	incidentTime   = 0.25 // of the regime's time that they take, under
)

// incidents returns the incidents of a regime: if at least five requests of its tail, and 90 % of all, are in fewer
// than five blocks that hold under a quarter of the regime's time, each run of such blocks is one.
func (p *Population) incidents(domain string, r *RegimeStudy) []Incident {
	chosen := r.tailBlocks(p)
	if chosen == nil {
		return nil
	}
	var list []Incident
	for i := 0; i < len(chosen); {
		end := i + 1
		for end < len(chosen) && chosen[end] == chosen[end-1]+1 && r.Blocks[chosen[end]].Since == r.Blocks[chosen[end-1]].Until {
			end++
		}
		first, last := chosen[i], chosen[end-1]
		n := Incident{Domain: domain, Since: r.Blocks[first].Since, Until: r.Blocks[last].Until, P95: r.P95, TailOf: len(r.Tail)}
		for k := first; k <= last; k++ {
			n.Members = append(n.Members, r.Blocks[k].Members...)
		}
		list = append(list, n)
		i = end
	}
	usual := p.usualInFlight(r, list)
	for i := range list {
		p.describeIncident(r, &list[i], usual)
	}
	return list
}

// tailBlocks returns the blocks that make an incident, by time; nil if there is none.
func (r *RegimeStudy) tailBlocks(p *Population) []int {
	if len(r.Tail) < incidentTail {
		return nil
	}
	counts := make([]int, len(r.Blocks))
	var holding []int
	for i := range r.Blocks {
		for _, m := range r.Blocks[i].Members {
			if p.Records[m].E2E() >= r.P95 {
				counts[i]++
			}
		}
		if counts[i] > 0 {
			holding = append(holding, i)
		}
	}
	slices.SortStableFunc(holding, func(x, y int) int { return cmp.Compare(counts[y], counts[x]) })
	held, time := 0, int64(0)
	for k, i := range holding {
		if k+1 >= incidentBlocks {
			return nil
		}
		held += counts[i]
		time += r.Blocks[i].Until - r.Blocks[i].Since
		if float64(held) < incidentShare*float64(len(r.Tail)) {
			continue
		}
		if held < incidentTail || float64(time) >= incidentTime*float64(r.Until-r.Since) {
			return nil
		}
		return slices.Sorted(slices.Values(holding[:k+1]))
	}
	return nil
}

func (p *Population) describeIncident(r *RegimeStudy, n *Incident, usual int) {
	inside := map[int32]bool{}
	for _, m := range n.Members {
		inside[m] = true
		rec := &p.Records[m]
		if rec.E2E() >= r.P95 {
			n.Tail++
		}
		if n.Worst.SpanID.IsZero() || rec.E2E() > n.Worst.E2E {
			n.Worst = exemplarOf(rec)
		}
	}
	var others []int32
	for _, m := range r.Latency {
		if !inside[m] {
			others = append(others, m)
		}
	}
	if e2e := p.sortedE2E(others); len(e2e) > 0 {
		n.P95Without = e2e[NearestRank(len(e2e), 0.95)]
	}

	var starts []int64 // of all requests, failed ones too: they came and took their share
	for _, m := range r.Members {
		if s := p.Records[m].Start; s >= n.Since && (s < n.Until || s == n.Since) {
			starts = append(starts, s)
		}
	}
	first, last := burst(starts, 2*r.Arrivals)
	n.Burst, n.Arrivals, n.Within = starts[first], last-first+1, starts[last]-starts[first]
	for _, c := range p.inFlight(r.Members) {
		if c.at >= starts[last] && c.n <= usual {
			n.Drain = c.at - n.Burst
			break
		}
	}
}

// burst returns the first and the last of the ascending starts, in nanoseconds, that exceed a rate, a second, by most.
func burst(starts []int64, rate float64) (first, last int) {
	best, at, sum := 0.0, 0, 1.0
	for i := 1; i < len(starts); i++ {
		if sum -= rate * float64(starts[i]-starts[i-1]) / 1e9; sum < 0 {
			sum, at = 0, i
		}
		if sum++; sum > best {
			best, first, last = sum, at, i
		}
	}
	return first, last
}

// A change is the number of requests in flight from a time on.
type change struct {
	at int64
	n  int
}

// inFlight returns how many of the members, which are by start, are there; the last change is to none.
func (p *Population) inFlight(members []int32) []change {
	ends := make([]int64, len(members))
	for i, m := range members {
		ends[i] = p.Records[m].End
	}
	slices.Sort(ends)
	var list []change
	step := func(at int64, n int) {
		if k := len(list); k > 0 && list[k-1].at == at {
			list[k-1].n = n
			return
		}
		list = append(list, change{at, n})
	}
	i, n := 0, 0
	for _, end := range ends {
		for i < len(members) && p.Records[members[i]].Start <= end {
			n++
			step(p.Records[members[i]].Start, n)
			i++
		}
		n--
		step(end, n)
	}
	return list
}

// usualInFlight is the time-weighted median of how many are there outside the incidents, at least one.
func (p *Population) usualInFlight(r *RegimeStudy, incidents []Incident) int {
	changes := p.inFlight(r.Members)
	time := map[int]int64{}
	total := int64(0)
	for i := 0; i+1 < len(changes); i++ {
		from, to := changes[i].at, changes[i+1].at
		length := to - from
		for k := range incidents {
			length -= max(0, min(to, incidents[k].Until)-max(from, incidents[k].Since))
		}
		time[changes[i].n] += length
		total += length
	}
	levels := make([]int, 0, len(time))
	for n := range time {
		levels = append(levels, n)
	}
	slices.Sort(levels)
	below := int64(0)
	for _, n := range levels {
		if below += time[n]; 2*below >= total {
			return max(n, 1)
		}
	}
	return 1
}
