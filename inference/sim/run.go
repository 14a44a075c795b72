package sim

import (
	"math"
	"time"
)

// A Run is what a simulation gave.
type Run struct {
	Config   Config
	Requests []Request // by when they were due
	Samples  []Sample  // of every replica, by time
	Scrapes  []Scrape
}

// A Sample is what a replica's gauges showed.
type Sample struct {
	At      int64
	Replica int
	State
	Use float64 // share of the time since the sample before that the device worked, as NVML counts it: while a kernel runs
}

// SampleInterval is how often gauges are read.
const SampleInterval = int64(5 * time.Second)

// A Scrape is a monitor's read of a server's /metrics.
type Scrape struct {
	Replica  int
	Sent     int64
	Accepted int64 // the event loop took it up
	Handled  int64 // the event loop was about to answer
	Answered int64 // 0 if the run ended before
}

// Simulate runs a workload through a system in virtual time, until the last answer is out. Memory grows with the number
// of requests.
func Simulate(c Config, w Workload) (*Run, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	plans, err := w.plan(c.Seed, c.Start)
	if err != nil {
		return nil, err
	}
	s := &simulation{
		Run: Run{Config: c, Requests: make([]Request, len(plans))}, streams: make([]*stream, len(plans)), open: len(plans),
	}
	s.config = &s.Run.Config
	for i := range c.Replicas {
		s.replicas = append(s.replicas, newReplica(i, c.Start, s.config))
	}
	for _, up := range c.Scale {
		s.replicas = append(s.replicas, newReplica(len(s.replicas), up.At, s.config))
	}
	for i, p := range plans {
		r := &s.Requests[i]
		r.Plan, r.Index = p, i
		r.Sequence = Sequence{ID: i, Prompt: p.prompt, Output: p.output, Prefix: p.prefix, PrefixTokens: p.shared}
		sent := p.Due + exponential(p.Chances.Lag, c.Client.Lag)
		if tick := c.Client.Tick; tick > 0 {
			sent = c.Start + (sent-c.Start+tick-1)/tick*tick
		}
		if c.Client.Connections > 0 {
			s.events.add(sent, eventDue, 0, i)
			continue
		}
		s.send(r, sent)
	}
	for i := range s.replicas {
		s.events.add(s.replicas[i].from, eventSample, i, 0)
		if c.Server.CollectEvery > 0 {
			s.events.add(s.replicas[i].from+c.Server.CollectEvery/int64(2+i), eventCollect, i, 0)
		}
		if c.Server.CountEvery > 0 {
			s.events.add(s.replicas[i].from+c.Server.CountEvery/int64(2+i), eventCount, i, 0)
		}
		if c.Server.Scrape > 0 {
			s.events.add(s.replicas[i].from+c.Server.Scrape/int64(2+i), eventScrape, i, 0)
		}
	}
	for s.open > 0 {
		e, ok := s.events.next()
		if !ok {
			break
		}
		s.now = e.at
		s.handle(e)
	}
	return &s.Run, nil
}

// simulation is a run while it goes on.
type simulation struct {
	Run
	config   *Config
	replicas []*replica
	streams  []*stream
	events   events
	now      int64
	open     int   // requests that have no end yet
	turn     int   // of routing
	nextTurn int64 // when the gateway's limit lets the next request through
	lookedAt int64 // when a stale router last looked
	emptiest int   // the replica that it found then

	connections int   // of the client that are in use
	unsent      []int // requests that wait for one

	quota quota

	upstream  int   // answers that the gateway has under way
	atGateway []int // requests that wait in it for one to end
}

// exponential turns a chance into a draw with the given mean.
func exponential(chance float64, mean int64) int64 {
	return int64(-math.Log(1-chance) * float64(mean))
}

// send plans a request's way to the servers, failed attempts included: until there nothing depends on anybody else.
func (s *simulation) send(r *Request, sent int64) {
	c, p := s.config, &r.Plan
	out := c.Network.Delay + exponential(p.Chances.Out, c.Network.Jitter)
	// Half of what connecting takes is the same each time, round trips that nobody saves.
	out += c.Network.Connect/2 + exponential(p.Chances.Hop, c.Network.Connect/2)
	if p.Chances.Hop < c.Network.Lookups {
		out += c.Network.Lookup
	}
	r.Sent, r.Tried = sent, sent
	if c.Network.Quota > 0 {
		s.events.add(sent+out, eventAttempt, 0, r.Index)
		return
	}
	for k := 0; k < maxAttempts-1 && (p.Fails[k] < c.Retry.Share || c.down(r.Tried+out)); k++ {
		a := Attempt{Start: r.Tried, GatewayIn: r.Tried + out, Status: c.Retry.Status}
		a.GatewayOut = a.GatewayIn + c.Retry.After
		a.End = a.GatewayOut + s.delayBack(p)
		r.Attempts = append(r.Attempts, a)
		r.Tried = a.End + c.Retry.Backoff<<k
	}
	r.GatewayIn = r.Tried + out
	s.enter(r)
}

// enter lets a request into the gateway at its time, which it may have to wait in.
func (s *simulation) enter(r *Request) {
	if c := s.config.Network; c.Limit > 0 || c.Upstream > 0 {
		s.events.add(r.GatewayIn, eventGateway, 0, r.Index)
		return
	}
	s.pass(r, r.GatewayIn)
}

// down reports whether no attempt succeeds at a time.
func (c *Config) down(at int64) bool {
	return c.Retry.DownEvery > 0 && at >= c.Start+c.Retry.DownEvery && (at-c.Start)%c.Retry.DownEvery < c.Retry.DownFor
}

// pass lets the gateway take a request up.
func (s *simulation) pass(r *Request, at int64) {
	r.GatewayOut = at + s.config.Network.Gateway
	r.ServerIn = r.GatewayOut + s.config.Network.Hop
	s.events.add(r.ServerIn, eventArrival, 0, r.Index)
}

// arrive lets a request wait in the gateway until another's answer has ended, if too many are under way, and for its turn.
func (s *simulation) arrive(r *Request) {
	if limit := s.config.Network.Upstream; limit > 0 && s.upstream >= limit {
		s.atGateway = append(s.atGateway, r.Index)
		return
	}
	s.upstream++
	s.limit(r)
}

// relayed lets the next of those that wait in the gateway go, as an answer has ended.
func (s *simulation) relayed() {
	s.upstream--
	if len(s.atGateway) > 0 {
		r := &s.Requests[s.atGateway[0]]
		s.atGateway = s.atGateway[1:]
		s.arrive(r)
	}
}

// limit lets a request wait in the gateway for its turn.
func (s *simulation) limit(r *Request) {
	if s.config.Network.Limit <= 0 {
		s.pass(r, s.now)
		return
	}
	at := max(s.now, s.nextTurn)
	s.nextTurn = at + int64(1e9/s.config.Network.Limit)
	s.pass(r, at)
}

// connect sends a request on a free connection, or lets it wait for one.
func (s *simulation) connect(i int) {
	if s.connections >= s.config.Client.Connections {
		s.unsent = append(s.unsent, i)
		return
	}
	s.connections++
	s.send(&s.Requests[i], s.now)
}

// disconnect frees the connection of a request that ended, for the one that waits longest.
func (s *simulation) disconnect() {
	s.connections--
	if len(s.unsent) > 0 {
		i := s.unsent[0]
		s.unsent = s.unsent[1:]
		s.connect(i)
	}
}

// ended counts a request that has its end.
func (s *simulation) ended(r *Request) {
	s.open--
	if s.config.Network.Upstream > 0 {
		s.events.add(max(s.now, r.Last.AtGateway), eventRelayed, 0, r.Index)
	}
	if s.config.Client.Connections > 0 {
		s.events.add(r.ClientEnd, eventFree, 0, r.Index)
	}
}

func (s *simulation) delayBack(p *Plan) int64 {
	return s.config.Network.Delay + exponential(p.Chances.In, s.config.Network.Jitter)
}

func (s *simulation) handle(e event) {
	switch e.kind {
	case eventDue:
		s.connect(e.request)
	case eventFree:
		s.disconnect()
	case eventGateway:
		s.arrive(&s.Requests[e.request])
	case eventAttempt:
		s.attempt(&s.Requests[e.request])
	case eventRelayed:
		s.relayed()
	case eventArrival:
		r := &s.Requests[e.request]
		r.Replica = s.route(r)
		server := s.replicas[r.Replica]
		server.inFlight++
		server.loop = append(server.loop, job{jobAccept, e.request, s.config.Server.Accept})
		s.runLoop(server)
	case eventLoop:
		s.replicas[e.replica].loopUntil = 0
		s.runLoop(s.replicas[e.replica])
	case eventQueued:
		s.submit(s.replicas[e.replica], &s.Requests[e.request])
	case eventStep:
		server := s.replicas[e.replica]
		server.stepping = false
		server.engine.Finish(s.now, s.token)
		s.step(server)
	case eventWake:
		s.step(s.replicas[e.replica])
	case eventScrape:
		server := s.replicas[e.replica]
		s.Scrapes = append(s.Scrapes, Scrape{Replica: e.replica, Sent: s.now})
		server.loop = append(server.loop, job{jobScrape, len(s.Scrapes) - 1, s.config.Server.Accept})
		s.runLoop(server)
		s.events.add(s.now+s.config.Server.Scrape, eventScrape, e.replica, 0)
	case eventCollect:
		server := s.replicas[e.replica]
		server.loop = append(server.loop, job{jobCollect, 0, s.config.Server.Collect})
		s.runLoop(server)
		s.events.add(s.now+s.config.Server.CollectEvery, eventCollect, e.replica, 0)
	case eventCount:
		s.replicas[e.replica].tokenize(s.now, s.config.Server.Count)
		s.events.add(s.now+s.config.Server.CountEvery, eventCount, e.replica, 0)
	case eventSample:
		server := s.replicas[e.replica]
		state := server.engine.State()
		// A step is counted when it begins, so a long one can be more than an interval.
		use := min(1, float64(state.Busy-server.sampledBusy)/float64(SampleInterval))
		server.sampledBusy = state.Busy
		s.Samples = append(s.Samples, Sample{s.now, e.replica, state, use})
		if server.drained(s.now) && server.inFlight == 0 {
			return // it is gone
		}
		s.events.add(s.now+SampleInterval, eventSample, e.replica, 0)
	}
}

// runLoop lets the event loop begin its next job.
func (s *simulation) runLoop(server *replica) {
	j, ok := server.takeJob()
	if !ok {
		return
	}
	start := server.awake(max(s.now, server.formed))
	end := server.awake(start + j.cost)
	server.loopUntil = end
	s.events.add(end, eventLoop, server.index, 0)
	switch c := s.config.Server; j.kind {
	case jobAccept:
		s.Requests[j.request].Accepted = start
		// The rest comes behind what waits already.
		server.handlers++
		cost := c.Handle + c.HandleToken*int64(s.Requests[j.request].Prompt) + c.Block
		if c.FlushEvery > 0 && server.handlers%c.FlushEvery == 0 {
			cost += c.Flush
		}
		server.loop = append(server.loop, job{jobHandle, j.request, cost})
	case jobHandle:
		if c.BlockGenerate {
			server.loopHeld = j.request
		}
		s.handled(server, &s.Requests[j.request], end)
	case jobScrape:
		s.Scrapes[j.request].Accepted, s.Scrapes[j.request].Handled = start, end
		server.loop = append(server.loop, job{jobScraped, j.request, c.Handle})
	case jobScraped:
		s.Scrapes[j.request].Answered = end
	}
}

// handled brings a request from the event loop to the engine's queue.
func (s *simulation) handled(server *replica, r *Request, at int64) {
	c := s.config
	r.Handled = at
	if !server.engine.Fits(&r.Sequence) {
		r.Refused = true
		r.ClientEnd = at + c.Network.Hop + c.Network.Gateway + s.delayBack(&r.Plan)
		server.inFlight--
		server.loopHeld = -1
		s.ended(r)
		return
	}
	r.TokenizeStart, r.Tokenized = server.tokenize(at, c.Server.TokenizeBase+c.Server.TokenizeToken*int64(r.Prompt)+int64(c.Server.TokenizePair*float64(r.Prompt*r.Prompt)))
	s.events.add(r.Tokenized+c.Server.Dispatch, eventQueued, server.index, r.Index)
}

func (s *simulation) submit(server *replica, r *Request) {
	if r.Chances.Route < s.config.Server.Hold.Share {
		r.HeldUntil = s.now + s.config.Server.Hold.Duration
	}
	r.Limited = r.Chances.Route < s.config.Server.Limited.Share
	r.Masked, r.Uncached = r.Chances.Route < s.config.Server.Masked, r.Chances.Route < s.config.Server.Uncached
	if ready := server.adapters.want(s.config.Server.Adapters, r.Chances.Tail, s.now); ready > s.now {
		r.HeldUntil = max(r.HeldUntil, ready)
	}
	server.engine.Submit(&r.Sequence, s.now)
	r.LoadRead, r.LoadCopied = server.load(s.now)
	if r.LoadCopied > s.now {
		s.wake(server, r.LoadCopied)
		return
	}
	s.step(server)
}

func (s *simulation) wake(server *replica, at int64) {
	if server.wakes != at {
		server.wakes = at
		s.events.add(at, eventWake, server.index, 0)
	}
}

// step lets an idle engine begin.
func (s *simulation) step(server *replica) {
	if server.stepping || server.engine.Idle() || server.loadCopied > s.now {
		return
	}
	if awake := server.awake(s.now); awake > s.now {
		s.wake(server, awake)
		return
	}
	wakeUp := server.wakeUp(s.now)
	end, ok := server.engine.Begin(s.now)
	switch {
	case ok:
		server.stepping = true
		s.events.add(server.awake(end+wakeUp), eventStep, server.index, 0)
	case end > s.now:
		s.wake(server, end)
	}
}

// token brings one token from the engine to the client.
func (s *simulation) token(q *Sequence, last bool) {
	r := &s.Requests[q.ID]
	c, server := s.config, s.replicas[r.Replica]
	if c.KeepTokens {
		r.TokenTimes = append(r.TokenTimes, s.now)
	}
	out := s.streams[q.ID]
	if out == nil {
		out = newStream(c, s.delayBack(&r.Plan), r.Due, r.Chances.Tail < c.Client.Stops)
		s.streams[q.ID] = out
		r.Whole = c.Server.Whole || c.Server.BlockGenerate || c.Engine.StaticBatch > 0
	}
	if r.Whole && !last {
		return
	}
	// The text passes the event loop, which may be busy.
	formed := out.message.Detokenized - c.Server.Detokenize
	switch {
	case c.Server.Serialize == 0:
		formed = max(s.now, server.loopUntil, formed)
	case formed <= s.now: // else it goes with the one that waits for its form
		formed = max(s.now, server.loopUntil, server.formed) + c.Server.Serialize
		server.formed = formed
	}
	ready := formed + c.Server.Detokenize
	passage := out.send(ready)
	if out.count == 1 && r.First.Read == 0 {
		r.First = passage
	}
	if !last {
		return
	}
	r.Last = passage
	r.Chunks, r.ChunkTimes, r.ChunkContent = out.count, out.times, out.content
	if c.Network.Buffer > 0 {
		r.buffer(c.Network.Buffer, out)
	}
	if c.Network.CheckToken > 0 {
		r.check(c.Network.CheckToken * int64(r.Output))
	}
	r.ClientEnd = r.Last.Read
	s.streams[q.ID] = nil
	server.inFlight--
	server.lastUse = s.now
	s.ended(r)
	if server.loopHeld == q.ID {
		server.loopHeld = -1
		s.runLoop(server)
	}
}
