package sim

// A stream brings the tokens of one answer to its client. The server writes what it has when the socket takes it, so
// tokens that come while it does not are sent together, in one message, unless the server keeps them apart.
type stream struct {
	network Network
	client  Client
	write   int64 // that the server takes for a message
	delay   int64 // from the gateway to the client

	separate bool
	due      int64 // of the request, from when on its client looks for messages at intervals

	stops   bool  // its client stops reading once
	stopped int64 // until when; 0 is not yet

	message Passage // the last one
	writes  int64   // when the socket takes it; tokens that come later go into the next
	reads   []int64 // when the client has read the last messages, a ring as long as the window
	count   int
	keep    bool
	times   []int64
	content []int
}

func newStream(c *Config, delay, due int64, stops bool) *stream {
	return &stream{
		due: due, stops: stops, network: c.Network, client: c.Client, write: c.Server.Write, separate: c.Server.Separate, delay: delay, keep: c.KeepTokens || c.Network.Buffer > 0,
		reads: make([]int64, c.Client.Window),
	}
}

// send takes a token that is ready at a time, which never goes back, and returns when it is where.
func (s *stream) send(ready int64) Passage {
	if ready < s.writes && !s.separate {
		s.pass(s.count-1, ready, s.message.Written+s.transmission(), s.message.Read+s.transmission())
		if s.keep {
			s.times[len(s.times)-1] = s.message.Read
			s.content[len(s.content)-1]++
		}
		return s.message
	}
	// A message waits for the one before it, and for the client to have read the one that is a window back.
	before := s.message.Read
	s.writes = max(ready, s.message.Written, s.reads[s.count%len(s.reads)])
	written := s.writes + s.write + s.transmission()
	s.pass(s.count, ready, written, max(before, s.looked(written+s.wayBack()))+s.client.ReadChunk)
	s.count++
	if s.keep {
		s.times, s.content = append(s.times, s.message.Read), append(s.content, 1)
	}
	return s.message
}

// looked returns when the client looks for messages from a time on.
func (s *stream) looked(at int64) int64 {
	if s.stops && s.count >= 2 {
		if s.stopped == 0 {
			s.stopped = at + s.client.Stop
		}
		at = max(at, s.stopped)
	}
	every := s.client.ReadEvery
	if every == 0 {
		return at
	}
	return s.due + (at-s.due+every-1)/every*every
}

func (s *stream) wayBack() int64 { return s.network.Hop + s.network.Gateway + s.delay }

// pass notes the way of message n.
func (s *stream) pass(n int, ready, written, read int64) {
	s.message = Passage{
		Detokenized: ready, Written: written, AtGateway: written + s.network.Hop,
		Relayed: written + s.network.Hop + s.network.Gateway, Arrived: written + s.wayBack(), Read: read,
	}
	s.reads[n%len(s.reads)] = read
}

// transmission returns how long the connection takes for one token.
func (s *stream) transmission() int64 {
	if s.network.Bandwidth <= 0 {
		return 0
	}
	return int64(s.network.ChunkBytes / s.network.Bandwidth * 1e9)
}
