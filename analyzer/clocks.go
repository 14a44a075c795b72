package analyzer

// A hostPair is two hosts of which one calls the other. The clock of the server is ahead of the client's by something
// in [low, high] if both run at one rate and no answer ends after its caller has it.
type hostPair struct {
	low, high int64 // nanoseconds
	seen      bool
}

type hostNames struct{ client, server string }

// host names what a span's clock belongs to, as well as its resource does.
func host(s *Span) string {
	if s.Resource == nil {
		return ""
	}
	for _, key := range [...]string{"host.id", "host.name", "k8s.node.name", "service.instance.id", "service.name"} {
		if name := s.Resource.Attributes.Text(key); name != "" {
			return name
		}
	}
	return ""
}

// narrow adds one call from client to server.
func (p *hostPair) narrow(clientStart, clientEnd, serverStart, serverEnd int64) {
	low, high := serverEnd-clientEnd, serverStart-clientStart
	if !p.seen {
		*p = hostPair{low, high, true}
		return
	}
	p.low, p.high = max(p.low, low), min(p.high, high)
}

// skew returns by how much the server's clock is ahead: the middle of what is feasible. It is proven when the clocks
// cannot agree; drift is set when no constant difference fits.
func (p *hostPair) skew() (ns int64, proven, drift bool) {
	switch {
	case p.low > p.high:
		return 0, false, true
	case p.low > 0 || p.high < 0:
		return p.low + (p.high-p.low)/2, true, false
	}
	return 0, false, false
}
