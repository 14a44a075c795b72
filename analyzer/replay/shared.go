package replay

import "math"

// Shared is a server that serves first come first served, as many jobs at once as it has slots, which share one device:
// each takes longer with every other one beside it. Prefill and Decode of jobs are how long they take alone.
//
// With Slower 1 it is processor sharing with a limit on how many share.
type Shared struct {
	Slots  int     // jobs in service at once; 0 is no limit
	Slower float64 // by how much of its time alone a job takes longer for each other one beside it; at least 0
}

// Speed is how fast each of so many jobs in service is served; 1 is alone.
func (s Shared) Speed(inService int) float64 {
	return 1 / (1 + s.Slower*math.Max(0, float64(inService-1)))
}

// Run returns when each job is served. It takes n log n time.
//
// All jobs in service are served at one speed, so that each ends when what one job would have been served since the
// beginning has grown by its own.
func (s Shared) Run(jobs []Job) []Times {
	out, decoding := make([]Times, len(jobs)), make([]bool, len(jobs))
	if len(jobs) == 0 {
		return out
	}
	order := byArrival(jobs)
	base := jobs[order[0]].Arrive
	var ends moments       // of phases, by what a job is served until then
	now, served := 0.0, 0. // since base
	next, inside := 0, 0
	for next < len(order) || len(ends) > 0 {
		free := s.Slots == 0 || inside < s.Slots
		speed := s.Speed(inside)
		until := math.Inf(1)
		if len(ends) > 0 {
			until = now + (float64(ends[0].at)-served)/speed
		}
		if next < len(order) && free {
			if arrive := float64(jobs[order[next]].Arrive - base); arrive <= until {
				if arrive > now {
					served, now = served+(arrive-now)*speed, arrive
				}
				i := order[next]
				next++
				inside++
				out[i].Start = base + int64(now)
				ends.add(moment{int64(served) + max(0, jobs[i].Prefill), i})
				continue
			}
		}
		served, now = float64(ends[0].at), math.Max(now, until)
		i := ends[0].job
		ends.drop()
		if !decoding[i] {
			decoding[i] = true
			out[i].FirstToken = base + int64(now)
			ends.add(moment{int64(served) + max(0, jobs[i].Decode), i})
			continue
		}
		out[i].End = base + int64(now)
		inside--
	}
	return out
}
