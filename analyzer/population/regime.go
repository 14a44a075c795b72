package population

import (
	"cmp"
	"math"
	"slices"
)

// What a regime needs, else it is joined to a neighbour.
const (
	minRegimeTime     = 60 * int64(1e9)
	minRegimeRequests = 100
	regimeBins        = 200
	minBin            = int64(1e9)
)

// load is arrivals and mean number in flight per bin.
type load struct {
	since, bin int64
	until      int64 // end of the last request
	arrivals   []float64
	inFlight   []float64
}

// loadOf counts the members of a domain, and in flight those before them too, into bins of 1/200 of the time from the first start to the last end, each at
// least a second long.
func (p *Population) loadOf(members, before []int32) load {
	l := load{since: p.Records[members[0]].Start}
	l.until = l.since
	for _, m := range members {
		l.until = max(l.until, p.Records[m].End)
	}
	length := l.until - l.since
	l.bin = max(minBin, (length+regimeBins-1)/regimeBins)
	n := max(1, int((length+l.bin-1)/l.bin))
	l.arrivals, l.inFlight = make([]float64, n), make([]float64, n)
	whole := make([]float64, n+1) // differences of the number that is there for a whole bin
	stay := func(start, end int64) {
		first, last := l.at(start), l.at(end)
		if first == last {
			l.inFlight[first] += float64(end - start)
			return
		}
		l.inFlight[first] += float64(l.since + int64(first+1)*l.bin - start)
		l.inFlight[last] += float64(end - l.since - int64(last)*l.bin)
		whole[first+1]++
		whole[last]--
	}
	for _, m := range members {
		r := &p.Records[m]
		l.arrivals[l.at(r.Start)]++
		stay(r.Start, r.End)
	}
	for _, m := range before {
		if end := min(p.record(m).End, l.until); end > l.since {
			stay(l.since, end)
		}
	}
	there := 0.0
	for i := range l.inFlight {
		there += whole[i]
		l.inFlight[i] = there + l.inFlight[i]/float64(l.bin)
	}
	return l
}

func (l *load) at(t int64) int { return min(int((t-l.since)/l.bin), len(l.arrivals)-1) }

// poissonCost is twice the negative logarithm of the likelihood of a stretch of n bins with that sum, at its best rate,
// but for what no segmentation changes.
func poissonCost(sum, n float64) float64 {
	if sum <= 0 {
		return 0
	}
	return -2 * sum * math.Log(sum/n)
}

// changes returns where steady stretches of l begin, the first at 0: the segmentation with the least Poisson cost of
// arrivals and of those in flight, with a penalty of 3 ln n a stretch, found by PELT (Killick, Fearnhead and Eckley,
// Optimal Detection of Changepoints With a Linear Computational Cost, 2012). Three ln n is BIC's for two rates and a place.
func (l *load) changes() []int {
	n := len(l.arrivals)
	a, f := make([]float64, n+1), make([]float64, n+1) // cumulative
	for i := range n {
		a[i+1], f[i+1] = a[i]+l.arrivals[i], f[i]+l.inFlight[i]
	}
	cost := func(from, to int) float64 {
		length := float64(to - from)
		return poissonCost(a[to]-a[from], length) + poissonCost(f[to]-f[from], length)
	}
	penalty := 3 * math.Log(float64(n))
	best := make([]float64, n+1)
	before := make([]int, n+1)
	best[0] = -penalty
	candidates := []int{0}
	for to := 1; to <= n; to++ {
		best[to] = math.Inf(1)
		for _, from := range candidates {
			if c := best[from] + cost(from, to) + penalty; c < best[to] {
				best[to], before[to] = c, from
			}
		}
		candidates = slices.DeleteFunc(candidates, func(from int) bool { return best[from]+cost(from, to) > best[to] })
		candidates = append(candidates, to)
	}
	var starts []int
	for to := n; to > 0; to = before[to] {
		starts = append(starts, before[to])
	}
	slices.Reverse(starts)
	return starts
}

// A stretch is a part of a domain's members that may become a regime.
type stretch struct {
	since, until int64
	first, end   int // of members
}

func (s *stretch) tooShort() bool {
	return s.until-s.since < minRegimeTime || s.end-s.first < minRegimeRequests
}

// regimes cuts the members of a domain, which are by start and which those before reach into, into stretches of steady load. One of under a minute or
// under 100 requests is joined to its longer neighbour, the shortest first.
func (p *Population) regimes(members, before []int32) []*RegimeStudy {
	if len(members) == 0 {
		return nil
	}
	l := p.loadOf(members, before)
	var list []stretch
	for _, bin := range l.changes() {
		since := l.since + int64(bin)*l.bin
		first, _ := slices.BinarySearchFunc(members, since, func(m int32, t int64) int { return cmp.Compare(p.Records[m].Start, t) })
		if n := len(list); n > 0 {
			list[n-1].until, list[n-1].end = since, first
		}
		list = append(list, stretch{since: since, until: l.until, first: first, end: len(members)})
	}
	for len(list) > 1 {
		short := -1
		for i := range list {
			if list[i].tooShort() && (short < 0 || list[i].until-list[i].since < list[short].until-list[short].since) {
				short = i
			}
		}
		if short < 0 {
			break
		}
		left := short // the left one of the two to join
		if short == len(list)-1 || short > 0 && list[short-1].until-list[short-1].since >= list[short+1].until-list[short+1].since {
			left = short - 1
		}
		list[left].until, list[left].end = list[left+1].until, list[left+1].end
		list = slices.Delete(list, left+1, left+2)
	}
	regimes := make([]*RegimeStudy, len(list))
	for i, s := range list {
		r := &RegimeStudy{Since: s.since, Until: s.until, Members: members[s.first:s.end:s.end]}
		if seconds := float64(s.until-s.since) / 1e9; seconds > 0 {
			r.Arrivals = float64(len(r.Members)) / seconds
		}
		from, to := l.at(s.since), l.at(s.until-1)+1
		for _, n := range l.inFlight[from:to] {
			r.InFlight += n / float64(to-from)
		}
		regimes[i] = r
	}
	return regimes
}

// split fills Latency, Body and Tail.
func (p *Population) split(r *RegimeStudy, until int64) {
	for _, m := range r.Members {
		if p.Records[m].Latent(until) {
			r.Latency = append(r.Latency, m)
		}
	}
	if len(r.Latency) == 0 {
		return
	}
	e2e := p.sortedE2E(r.Latency)
	p50, p95 := e2e[NearestRank(len(e2e), 0.5)], e2e[NearestRank(len(e2e), 0.95)]
	for _, m := range r.Latency {
		ns := p.Records[m].E2E()
		if ns <= p50 {
			r.Body = append(r.Body, m)
		}
		if ns >= p95 {
			r.Tail = append(r.Tail, m)
		}
	}
	r.P95 = p95
}

func (p *Population) sortedE2E(members []int32) []int64 {
	e2e := make([]int64, len(members))
	for i, m := range members {
		e2e[i] = p.Records[m].E2E()
	}
	slices.Sort(e2e)
	return e2e
}
