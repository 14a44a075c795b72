package main

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/slowtoken/slowtoken/inference/sim"
	"github.com/slowtoken/slowtoken/rules"
)

// nearSaving is how far what a finding states as recoverable may be from what mending saves, as a share of that.
const nearSaving = 0.25

// A recovery is what the finding of the right rule states as recoverable, against what mending the fault saved the same
// requests: means over the requests of the finding's places, in nanoseconds of E2E.
type recovery struct {
	sized         bool // it states an amount at all
	stated, saved float64
}

// near reports whether the stated amount is within a quarter of the saving.
func (r *recovery) near() bool { return r.sized && math.Abs(r.stated-r.saved) <= nearSaving*r.saved }

// recoveryOf returns the recovery of the first finding that names one of the labels, symptoms included; nil if none does.
// The mended run must have the very same requests.
func recoveryOf(findings []rules.Finding, labels []string, broken, mended *sim.Run) *recovery {
	f := findingOf(findings, labels)
	if f == nil {
		return nil
	}
	r := &recovery{sized: f.Recoverable != nil}
	if r.sized {
		r.stated = f.Recoverable.Value * f.Who.Share
	}
	places := append([]rules.Place{f.Place}, f.Also...)
	n := 0
	for i := range broken.Requests {
		q := &broken.Requests[i]
		if q.Refused || !slices.ContainsFunc(places, func(p rules.Place) bool { return isAt(p, q) }) {
			continue
		}
		n++
		r.saved += float64(q.E2E() - mended.Requests[i].E2E())
	}
	r.saved /= float64(max(1, n))
	return r
}

// findingOf returns the first finding that a report advises to do something about and that names one of the labels, else
// the first beneath one.
func findingOf(list []rules.Finding, labels []string) *rules.Finding {
	for i := range list {
		if f := &list[i]; f.Severity != rules.SeverityMinor && slices.Contains(labels, f.Rule) {
			return f
		}
	}
	for i := range list {
		if list[i].Severity == rules.SeverityMinor {
			continue
		}
		if f := findingOf(list[i].Beneath, labels); f != nil {
			return f
		}
	}
	return nil
}

// isAt reports whether a request was due in the time of a place, and served there: the number at the end of an instance's
// name is that of the replica; a domain without one is all of them.
func isAt(p rules.Place, q *sim.Request) bool {
	replica, err := strconv.Atoi(p.Domain[strings.LastIndexByte(p.Domain, '-')+1:])
	return q.Due >= p.Since && q.Due <= p.Until && (err != nil || q.Replica == replica)
}

// A recovered is how recoveries of one fault come out.
type recovered struct {
	fault         string
	near          share // of runs whose right cause is named with a size, or without
	stated, saved float64
	sized         int // runs that state a size, which stated and saved are the means of
}

// recoveries compare by fault, over runs whose mended pair has the very same requests and whose right cause is named; in
// unnamed runs it is not.
func recoveries(list []*result, pick func(*result) *recovery) (byFault []recovered, all share, unnamed int) {
	at := map[string]int{}
	for _, r := range list {
		if !r.cost.paired {
			continue
		}
		one := pick(r)
		if one == nil {
			unnamed++
			continue
		}
		name := r.injections[0].Fault.Name
		if _, known := at[name]; !known {
			at[name] = len(byFault)
			byFault = append(byFault, recovered{fault: name})
		}
		f := &byFault[at[name]]
		f.near.count(one.near())
		all.count(one.near())
		if one.sized {
			f.sized++
			f.stated, f.saved = f.stated+one.stated, f.saved+one.saved
		}
	}
	for i := range byFault {
		f, n := &byFault[i], float64(max(1, byFault[i].sized))
		f.stated, f.saved = f.stated/n, f.saved/n
	}
	return byFault, all, unnamed
}
