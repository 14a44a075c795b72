package sim

// quota is what a gateway has let through of the tokens that it lets through in an interval.
type quota struct {
	interval int64 // that it counts in
	tokens   int
}

// take reports whether a request is within the quota of the interval that a time is in, and counts it if so.
func (q *quota) take(n *Network, tokens int, since int64) bool {
	if interval := since / n.QuotaEvery; interval != q.interval {
		q.interval, q.tokens = interval, 0
	}
	if q.tokens+tokens > n.Quota && q.tokens > 0 {
		return false
	}
	q.tokens += tokens
	return true
}

// attempt lets a request through if it is within the quota, or was refused as often as its client tries at most; else its
// client tries again later.
func (s *simulation) attempt(r *Request) {
	c := s.config
	if s.quota.take(&c.Network, r.Prompt+r.Output, s.now-c.Start) || len(r.Attempts) == maxAttempts-1 {
		r.GatewayIn = s.now
		s.enter(r)
		return
	}
	out := s.now - r.Tried // the same each time
	a := Attempt{Start: r.Tried, GatewayIn: s.now, GatewayOut: s.now + c.Retry.After, Status: c.Retry.Status}
	a.End = a.GatewayOut + s.delayBack(&r.Plan)
	r.Tried = a.End + c.Retry.Backoff<<len(r.Attempts)
	r.Attempts = append(r.Attempts, a)
	s.events.add(r.Tried+out, eventAttempt, 0, r.Index)
}
