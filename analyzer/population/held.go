package population

import (
	"fmt"
	"math"
	"time"
)

const (
	mostOfHeld   = 0.8  // share of the waiting that one group must hold
	fewRequests  = 0.5  // share of the requests that the group may have at most
	shortStretch = 0.1  // share of the time that a stretch may take at most
	heldBins     = 1000 // of the time
)

// mostOvertaken is the share of long waits in which a request that came later was let in first, of those in which one
// came: more, and they cannot have been for slots.
const (
	mostOvertaken = 0.5
	fewOvertaken  = 10 // such waits tell nothing
)

// heldKind names the kind of requests that wait while those that come later are let in, where no slots were seen to bind:
// there is room, and something holds that kind. "" if that is not so.
func (p *Population) heldKind(l *Load) string {
	followed, overtaken := l.passing()
	if followed < fewOvertaken || float64(overtaken) < mostOvertaken*float64(followed) {
		return ""
	}
	return p.concentrated(l, l.Waits)
}

// passing counts the long waits in which a later request came, and those in which one was let in first.
func (l *Load) passing() (followed, overtaken int) {
	next := make([]int64, len(l.Jobs)) // the earliest start of a request that arrived later
	earliest := int64(math.MaxInt64)
	for i := len(l.Jobs) - 1; i >= 0; i-- {
		next[i], earliest = earliest, min(earliest, l.start(i))
	}
	for i, wait := range l.Waits {
		if wait <= longWait || i+1 == len(l.Jobs) || l.Jobs[i+1].Arrive >= l.start(i) {
			continue
		}
		followed++
		if next[i] < l.start(i) {
			overtaken++
		}
	}
	return followed, overtaken
}

// concentrated names what waiting that load does not explain concentrates in: a value of an attribute, a model, a kind
// of request or a stretch of time that holds four fifths of it, and few of the requests; "" if nothing does. Samplers
// leave requests out evenly, so they concentrate it in nothing.
func (p *Population) concentrated(l *Load, held []int64) string {
	total := int64(0)
	for _, ns := range held {
		total += ns
	}
	if total == 0 {
		return ""
	}
	group := func(of func(r *Record) (value uint32, ok bool)) (value uint32, found bool) {
		sums, counts := map[uint32]int64{}, map[uint32]int{}
		for i, m := range l.Members {
			if v, ok := of(&p.Records[m]); ok {
				sums[v] += held[i]
				counts[v]++
			}
		}
		for v, sum := range sums {
			if float64(sum) >= mostOfHeld*float64(total) && float64(counts[v]) <= fewRequests*float64(len(held)) {
				return v, true // at most one can hold so much
			}
		}
		return 0, false
	}
	for d := range Dimensions {
		if v, ok := group(func(r *Record) (uint32, bool) { return p.attribute(r, d) }); ok {
			return Dimensions[d].Name + "=" + p.Text(v)
		}
	}
	if v, ok := group(func(r *Record) (uint32, bool) { return r.Model, true }); ok {
		return "model=" + p.Text(v)
	}
	if v, ok := group(func(r *Record) (uint32, bool) { return uint32(r.Streaming), true }); ok {
		return [...]string{"requests that do not say whether they stream", "requests that do not stream", "requests that stream"}[v]
	}
	return l.stretch(held, total)
}

// stretch names the shortest stretch of time that holds most of the waiting, by arrival, "" if it is not short.
func (l *Load) stretch(held []int64, total int64) string {
	since := l.Jobs[0].Arrive
	width := (l.Jobs[len(l.Jobs)-1].Arrive-since)/heldBins + 1
	var bins [heldBins]int64
	for i, ns := range held {
		bins[(l.Jobs[i].Arrive-since)/width] += ns
	}
	const most = int(shortStretch * heldBins)
	sum := int64(0)
	for k := range bins {
		sum += bins[k]
		if k >= most {
			sum -= bins[k-most]
		}
		if float64(sum) >= mostOfHeld*float64(total) {
			from := time.Duration(max(0, int64(k-most+1)) * width)
			return fmt.Sprintf("requests from %s to %s after the first", from.Round(time.Second), time.Duration(int64(k+1)*width).Round(time.Second))
		}
	}
	return ""
}
