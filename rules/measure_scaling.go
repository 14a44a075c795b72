package rules

import (
	"slices"

	"github.com/slowtoken/slowtoken/analyzer"
)

// An instance is new when its first request starts so long after the first of all, in nanoseconds, and after so much of
// all the time.
const (
	newAfter      = 30e9
	newAfterShare = 0.05
)

// measureScaling says how long requests had been waiting when an instance took its first, and how much of all waiting
// falls between that beginning and the next moment in which nobody waits. Up to each of the changes an instance that served
// before had room, or none: what waits while one has does not wait for a new one.
func measureScaling(wholes []*view, list []Measures, changes []fleetChange, rooms []bool) {
	first := make([]int64, len(wholes))
	var since, until int64
	for k, v := range wholes {
		if len(v.members) > 0 {
			first[k] = v.members[0].Start
			until = max(until, v.until)
			if since == 0 || first[k] < since {
				since = first[k]
			}
		}
	}
	var born []int64
	for _, at := range first {
		if at > since+int64(newAfter) && float64(at-since) > newAfterShare*float64(until-since) {
			born = append(born, at)
		}
	}
	for _, m := range list {
		m["new_instances"] = number(float64(len(born)), len(first))
	}
	if len(born) == 0 || len(changes) == 0 {
		return
	}
	ramps := rampsAround(changes, slices.Min(born))
	total, within := make([]float64, len(wholes)), make([]float64, len(wholes))
	waiting := make([]int, len(wholes))
	all, allWithin, whole, before, withRoom := 0.0, 0.0, 0.0, 0.0, 0.0
	for i, c := range changes {
		if i > 0 {
			from, dt := changes[i-1].at, float64(c.at-changes[i-1].at)
			for k, n := range waiting {
				total[k] += dt * float64(n)
				if from >= ramps.From && from < ramps.To {
					within[k] += dt * float64(n)
					if from < slices.Min(born) {
						before += dt * float64(n)
						if rooms[i] {
							withRoom += dt * float64(n)
						}
					}
				}
			}
		}
		waiting[c.domain] += c.waiting
	}
	for k := range total {
		all, allWithin = all+total[k], allWithin+within[k]
		for _, r := range wholes[k].members {
			whole += float64(r.E2E())
		}
	}
	if all == 0 {
		return
	}
	for k, m := range list {
		if n := len(wholes[k].members); n > 0 {
			m["scale_lag"] = span(slices.Min(born)-ramps.From, n)
			m["scale_wait_share"], m["scale_share"] = number(allWithin/all, n), number(allWithin/whole, n)
			if before > 0 {
				m["scale_room_share"] = number(withRoom/before, n)
			}
			m["scale_wait_mean"] = span(within[k]/float64(n), n)
		}
	}
}

// rampsAround returns the stretch around a moment in which somebody waits all the time; it is empty at the moment where
// nobody does.
func rampsAround(changes []fleetChange, at int64) (s analyzer.Stretch) {
	waiting := 0
	s = analyzer.Stretch{From: at, To: at}
	from := at
	for _, c := range changes {
		before := waiting
		waiting += c.waiting
		switch {
		case before == 0 && waiting > 0:
			from = c.at
		case before > 0 && waiting == 0 && from <= at && c.at > at:
			return analyzer.Stretch{From: from, To: c.at}
		}
		if waiting > 0 && from <= at {
			s = analyzer.Stretch{From: from, To: max(at, c.at)}
		} else if c.at <= at {
			s = analyzer.Stretch{From: at, To: at}
		}
	}
	return s
}
