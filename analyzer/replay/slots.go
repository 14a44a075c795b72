package replay

// Slots is a server that serves first come first served, each job for its own Prefill and Decode, as many at once as
// its limits allow. A limit of zero is none.
type Slots struct {
	Prefill int // jobs in prefill at once
	Decode  int // jobs in decode at once: while there are as many, none starts
	Both    int // jobs in prefill or decode at once
}

// Run returns when each job is served. Jobs may be in any order; those that arrive together are served in the order
// given. It takes n log n time.
//
// With one slot this is Lindley's recursion (The theory of queues with a single server, 1952), with several that of
// Kiefer and Wolfowitz (On the theory of queues with many servers, 1955).
func (s Slots) Run(jobs []Job) []Times {
	out := make([]Times, len(jobs))
	var first, end moments // of the jobs in prefill, and of all in service
	now := int64(0)
	for k, i := range byArrival(jobs) {
		j := &jobs[i]
		if k == 0 || j.Arrive > now {
			now = j.Arrive
		}
		first.passTo(now)
		end.passTo(now)
		for s.full(len(first), len(end)) {
			now = end[0].at
			if len(first) > 0 {
				now = min(now, first[0].at)
			}
			first.passTo(now)
			end.passTo(now)
		}
		t := Times{Start: now, FirstToken: now + max(0, j.Prefill)}
		t.End = t.FirstToken + max(0, j.Decode)
		first.add(moment{t.FirstToken, i})
		end.add(moment{t.End, i})
		out[i] = t
	}
	return out
}

// full reports whether no job may start while so many are in prefill, and so many in service at all.
func (s Slots) full(prefill, service int) bool {
	return s.Prefill > 0 && prefill >= s.Prefill || s.Decode > 0 && service-prefill >= s.Decode || s.Both > 0 && service >= s.Both
}
