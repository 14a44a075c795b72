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

// measureFleet compares the engine processes with each other; what it finds is the same in every case.
func measureFleet(in *Input) Measures {
	m := Measures{}
	named := 0
	for _, d := range in.Study.Domains {
		if !d.Domain.PrefillOnly && !d.Domain.AsOneServer {
			named++
		}
	}
	if n, ok := in.Facts.Number(population.FactReplicas); ok {
		m["instances"] = number(n, 0)
	} else if named > 0 {
		m["instances"] = number(float64(named), 0)
	}
	if named < 2 {
		return m
	}
	measureSlowest(in, m)
	measureBalance(in, m)
	return m
}

// measureSlowest finds the instance whose TPOT lies furthest above the others', in robust standard deviations.
func measureSlowest(in *Input, m Measures) {
	type speed struct {
		name string
		tpot float64
		n    int
	}
	var list []speed
	for _, d := range in.Study.Domains {
		var tpot []float64
		for _, i := range d.Domain.Members {
			r := &in.Population.Records[i]
			if ns, ok := r.TPOT(); ok && r.Outcome == analyzer.Succeeded {
				tpot = append(tpot, ns)
			}
		}
		if d.Domain.PrefillOnly || d.Domain.AsOneServer || len(tpot) < minInstanceRequests {
			continue
		}
		slices.Sort(tpot)
		list = append(list, speed{d.Domain.Name, tpot[population.NearestRank(len(tpot), 0.5)], len(tpot)})
	}
	if len(list) < 3 {
		return
	}
	slices.SortFunc(list, func(a, b speed) int { return cmp.Or(cmp.Compare(a.tpot, b.tpot), cmp.Compare(a.name, b.name)) })
	median := list[population.NearestRank(len(list), 0.5)].tpot
	deviations := make([]float64, len(list))
	for i, s := range list {
		deviations[i] = math.Abs(s.tpot - median)
	}
	slices.Sort(deviations)
	// A deviation under 2 % of the median is the same speed: the median of few equal instances would make any other an outlier.
	mad := max(1.4826*deviations[population.NearestRank(len(deviations), 0.5)], 0.02*median)
	slowest := list[len(list)-1]
	m["instance_z"] = number((slowest.tpot-median)/mad, len(list))
	m["instance_slow"], m["instance_requests"] = text(slowest.name), number(float64(slowest.n), slowest.n)
}

// measureBalance says how often one instance queues while another has room.
func measureBalance(in *Input, m Measures) {
	type change struct {
		at              int64
		domain          int
		waiting, inside int
	}
	var changes []change
	most := make([]int, len(in.Study.Domains))
	inFlight := make([]float64, len(in.Study.Domains))
	known := false
	for k, d := range in.Study.Domains {
		if d.Domain.PrefillOnly || d.Domain.AsOneServer {
			continue
		}
		for _, i := range d.Domain.Members {
			r := &in.Population.Records[i]
			inFlight[k] += float64(r.E2E())
			wait := phaseTime(r, analyzer.Queue, population.PathE2E)
			if r.Joined == 0 {
				continue
			}
			known = true
			if wait > longWait {
				changes = append(changes, change{r.Joined, k, 1, 0}, change{r.Joined + wait, k, -1, 0})
			}
			changes = append(changes, change{r.Joined + wait, k, 0, 1}, change{max(r.End, r.Joined+wait), k, 0, -1})
		}
	}
	m["in_flight_gini"] = number(gini(inFlight), len(inFlight))
	if !known {
		return
	}
	slices.SortFunc(changes, func(a, b change) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.inside, b.inside), cmp.Compare(a.waiting, b.waiting))
	})
	waiting, inside := make([]int, len(most)), make([]int, len(most))
	for _, c := range changes {
		inside[c.domain] += c.inside
		most[c.domain] = max(most[c.domain], inside[c.domain])
	}
	clear(inside)
	var uneven, total float64
	for i, c := range changes {
		if i > 0 {
			dt := float64(c.at - changes[i-1].at)
			total += dt
			queued, room := -1, -1
			for k := range most {
				if waiting[k] > 0 {
					queued = k
				} else if most[k] > 0 && 2*inside[k] <= most[k] {
					room = k
				}
			}
			if queued >= 0 && room >= 0 {
				uneven += dt
			}
		}
		waiting[c.domain] += c.waiting
		inside[c.domain] += c.inside
	}
	if total > 0 {
		m["idle_while_queued_share"] = number(uneven/total, len(changes)/2)
	}
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
