package rules

import (
	"cmp"
	"math"
	"slices"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/population"
)

// minInstanceRequests is how many requests an instance needs to be compared.
const minInstanceRequests = 30

// measureFleet compares the engine processes with each other. wholes are all of the time of each domain; what it finds of
// each is returned in their order, and is the same in every case of a domain.
func measureFleet(in *Input, wholes []*view) []Measures {
	list := make([]Measures, len(wholes))
	named := 0
	for i, v := range wholes {
		list[i] = Measures{}
		if !v.domain.Domain.AsOneServer {
			named++
			list[i]["instance"] = text(v.domain.Domain.Label())
		}
	}
	for _, m := range list {
		if n, ok := in.Facts.Number(population.FactReplicas); ok {
			m["instances"] = number(n, 0)
		} else if named > 0 {
			m["instances"] = number(float64(named), 0)
		}
	}
	if named < 2 {
		return list
	}
	measureSpeeds(wholes, list)
	measureSlowTimes(wholes, list)
	measureWork(wholes, list)
	measureBalance(wholes, list)
	measureSpeculation(in, wholes, list)
	return list
}

// An instanceSpeed is how fast an instance decodes.
type instanceSpeed struct {
	at              int // of the domain
	tpot, inService []float64
	level           float64 // median TPOT at the number in service that is the mean of all instances
}

// measureSpeeds compares the TPOT of instances as if all had as many in service: the slope of TPOT on that number is the
// same for all of them.
func measureSpeeds(wholes []*view, list []Measures) {
	var speeds []instanceSpeed
	var sum, n, sxx, sxy float64
	for k, v := range wholes {
		var records []*population.Record
		for _, r := range v.latency {
			if _, ok := r.TPOT(); ok && r.Outcome == analyzer.Succeeded {
				records = append(records, r)
			}
		}
		if v.domain.Domain.AsOneServer || len(records) < minInstanceRequests {
			continue
		}
		s := instanceSpeed{at: k}
		_, s.tpot, s.inService = v.decoding(records)
		mx, my := meanOf(s.inService), meanOf(s.tpot)
		for i := range s.tpot {
			sum, n = sum+s.inService[i], n+1
			sxx, sxy = sxx+(s.inService[i]-mx)*(s.inService[i]-mx), sxy+(s.inService[i]-mx)*(s.tpot[i]-my)
		}
		speeds = append(speeds, s)
	}
	if len(speeds) < 2 {
		return
	}
	slope := 0.0
	if sxx > 0 {
		slope = max(0, sxy/sxx)
	}
	levels := make([]float64, len(speeds))
	for i := range speeds {
		s := &speeds[i]
		for j := range s.tpot {
			s.tpot[j] -= slope * (s.inService[j] - sum/n)
		}
		slices.Sort(s.tpot)
		s.level = s.tpot[population.NearestRank(len(s.tpot), 0.5)]
		levels[i] = s.level
	}
	slices.Sort(levels)
	median := levels[population.NearestRank(len(levels), 0.5)]
	if median <= 0 {
		return
	}
	deviations := make([]float64, len(levels))
	for i, level := range levels {
		deviations[i] = math.Abs(level - median)
	}
	slices.Sort(deviations)
	// A deviation under 2 % of the median is the same speed: the median of few equal instances would make any other an outlier.
	deviation := max(1.4826*deviations[population.NearestRank(len(deviations), 0.5)], 0.02*median)
	for i := range speeds {
		s, m := &speeds[i], list[speeds[i].at]
		m["instance_z"], m["instance_slowdown"] = number((s.level-median)/deviation, len(s.tpot)), number(s.level/median-1, len(s.tpot))
		m["instance_requests"] = number(float64(len(s.tpot)), len(s.tpot))
	}
}

// measureWork says how much more each instance is sent than the others are on average, in requests or in tokens of prompts
// and answers, whichever is more.
func measureWork(wholes []*view, list []Measures) {
	var named []int // the domains
	var sent, tokens []float64
	requests, all := 0.0, 0.0
	for k, v := range wholes {
		if v.domain.Domain.AsOneServer {
			continue
		}
		n, size := 0.0, 0.0
		for _, r := range v.members {
			n++
			size += float64(max(r.InputTokens, 0) + max(r.OutputTokens, 0))
		}
		named, sent, tokens = append(named, k), append(sent, n), append(tokens, size)
		requests, all = requests+n, all+size
	}
	others := float64(len(named) - 1)
	for i, k := range named {
		if requests <= sent[i] {
			continue // nobody to compare with
		}
		work := sent[i] * others / (requests - sent[i])
		if all > tokens[i] {
			work = max(work, tokens[i]*others/(all-tokens[i]))
		}
		list[k]["instance_work"] = number(work, int(sent[i]))
	}
}

// A fleetChange is a request of a domain that begins or ends to wait or to be served.
type fleetChange struct {
	at              int64
	domain          int
	waiting, inside int
}

// fleetChanges returns them in order; known is false where no request tells when it joined its engine.
func fleetChanges(wholes []*view) (changes []fleetChange, known bool) {
	for k, v := range wholes {
		if v.domain.Domain.AsOneServer {
			continue
		}
		for _, r := range v.members {
			if r.Joined == 0 {
				continue
			}
			known = true
			wait := phaseTime(r, analyzer.Queue, population.PathE2E)
			if wait > longWait {
				changes = append(changes, fleetChange{r.Joined, k, 1, 0}, fleetChange{r.Joined + wait, k, -1, 0})
			}
			changes = append(changes, fleetChange{r.Joined + wait, k, 0, 1}, fleetChange{max(r.End, r.Joined+wait), k, 0, -1})
		}
	}
	slices.SortFunc(changes, func(a, b fleetChange) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.inside, b.inside), cmp.Compare(a.waiting, b.waiting), cmp.Compare(a.domain, b.domain))
	})
	return changes, known
}

// measureBalance says for each instance how often it queues while another has room, and what that costs its requests.
func measureBalance(wholes []*view, list []Measures) {
	changes, known := fleetChanges(wholes)
	var inFlight []float64
	for _, v := range wholes {
		busy := 0.0
		for _, r := range v.members {
			busy += float64(r.E2E())
		}
		inFlight = append(inFlight, busy)
	}
	for _, m := range list {
		m["in_flight_gini"] = number(gini(inFlight), len(inFlight))
	}
	if !known {
		return
	}
	most, first, last := make([]int, len(wholes)), make([]int64, len(wholes)), make([]int64, len(wholes))
	waiting, inside := make([]int, len(wholes)), make([]int, len(wholes))
	for _, c := range changes {
		inside[c.domain] += c.inside
		most[c.domain], last[c.domain] = max(most[c.domain], inside[c.domain]), c.at
		if first[c.domain] == 0 {
			first[c.domain] = c.at
		}
	}
	clear(inside)
	uneven, waited := make([]float64, len(wholes)), make([]float64, len(wholes))
	total := 0.0
	rooms := make([]bool, len(changes)) // up to each of them
	for i, c := range changes {
		if i > 0 {
			dt := float64(c.at - changes[i-1].at)
			total += dt
			room := -1
			for k := range most {
				there := first[k] < c.at && c.at < last[k]
				if there && waiting[k] == 0 && 2*inside[k] <= most[k] {
					room = k
				}
			}
			rooms[i] = room >= 0
			for k := range waiting {
				if waiting[k] > 0 && room >= 0 {
					uneven[k], waited[k] = uneven[k]+dt, waited[k]+dt*float64(waiting[k])
				}
			}
		}
		waiting[c.domain] += c.waiting
		inside[c.domain] += c.inside
	}
	for k, m := range list {
		if total > 0 && len(wholes[k].members) > 0 {
			m["idle_while_queued_share"] = number(uneven[k]/total, len(wholes[k].members))
			m["imbalance_wait"] = span(waited[k]/float64(len(wholes[k].members)), len(wholes[k].members))
		}
	}
	measureScaling(wholes, list, changes, rooms)
}

// gini returns the Gini coefficient of the values over 0.
func gini(values []float64) float64 {
	values = slices.DeleteFunc(slices.Clone(values), func(x float64) bool { return x <= 0 })
	slices.Sort(values)
	var sum, weighted float64
	for i, x := range values {
		sum += x
		weighted += float64(i+1) * x
	}
	n := float64(len(values))
	if sum == 0 {
		return 0
	}
	return 2*weighted/(n*sum) - (n+1)/n
}
