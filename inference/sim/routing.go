package sim

import "math"

// route picks a replica that is up.
func (s *simulation) route(r *Request) int {
	up := 0
	for up < len(s.replicas) && s.replicas[up].from <= s.now {
		up++
	}
	up = max(1, up)
	switch s.config.Routing {
	case RouteRoundRobin:
		s.turn++
		return (s.turn - 1) % up
	case RouteSkewed:
		if r.Chances.Route < 0.5 || up == 1 {
			return 0
		}
		s.turn++
		return 1 + (s.turn-1)%(up-1)
	case RouteSticky:
		return userOf(r.Chances.Tail) % up
	case RouteStale:
		if s.now >= s.lookedAt+s.config.Look || s.lookedAt == 0 {
			s.lookedAt, s.emptiest = s.now, s.leastLoaded(up)
		}
		return s.emptiest
	}
	return s.leastLoaded(up)
}

// leastLoaded returns the replica with the fewest requests, of those that are up.
func (s *simulation) leastLoaded(up int) int {
	best := 0
	for i := range up {
		if s.replicas[i].drained(s.now) {
			continue
		}
		if s.replicas[best].drained(s.now) || s.replicas[i].inFlight < s.replicas[best].inFlight {
			best = i
		}
	}
	return best
}

// users of a system whose router is sticky.
const users = 40

// userOf picks a user by a chance: the first sends a sixth of all.
func userOf(chance float64) int { return int(chance * chance * users) }

// HotShare returns which share of all requests a sticky router sends to the first of several replicas.
func HotShare(replicas int) (share float64) {
	for u := 0; u < users; u += replicas {
		share += math.Sqrt(float64(u+1)/users) - math.Sqrt(float64(u)/users)
	}
	return share
}
