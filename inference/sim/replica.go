package sim

import "slices"

// A replica is one server process: an event loop on one thread, a pool of tokenizers, and an engine.
type replica struct {
	index  int
	from   int64 // it takes requests from then on
	config *Config
	engine *Engine
	pauses []Pause

	stepping bool
	wakes    int64 // when it is to look again; 0 is never
	inFlight int
	handlers int // that were begun so far
	adapters adapterCache

	sampledBusy int64 // of the engine, at the last sample

	loop       []job
	loopUntil  int64 // when the job at hand is done; 0 is none
	formed     int64 // when the last message has its form
	loopHeld   int   // the request that keeps the loop until its answer is whole; -1 is none
	tokenizers []int64

	loaded               bool
	lastUse              int64
	loadRead, loadCopied int64
}

// A job is something that the event loop does in one go.
type job struct {
	kind    jobKind
	request int // or the scrape
	cost    int64
}

type jobKind uint8

const (
	jobAccept jobKind = iota
	jobHandle
	jobScrape
	jobScraped
	jobCollect // of nobody's request
)

func newReplica(index int, from int64, c *Config) *replica {
	timing := c.Timing
	if left, slow := c.Slow[index]; slow {
		timing = slowed{timing, left, c}
	}
	r := &replica{
		index: index, from: from, config: c, engine: NewEngine(c.limited(), timing),
		loopHeld: -1, tokenizers: make([]int64, c.Server.Tokenizers), loaded: c.Load.Disk == 0,
	}
	for _, p := range c.Pauses {
		if p.Replica == index {
			r.pauses = append(r.pauses, p)
		}
	}
	return r
}

// limited returns the engine's settings with what the server limits.
func (c *Config) limited() EngineConfig {
	engine := c.Engine
	engine.LimitedSlots = c.Server.Limited.Slots
	return engine
}

// drained reports whether the replica gets no more requests at a time.
func (r *replica) drained(at int64) bool {
	until, ok := r.config.Drain[r.index]
	return ok && until <= at
}

// wakeUp returns what a step takes longer that begins now, since the device had gone to sleep.
func (r *replica) wakeUp(now int64) int64 {
	l := r.config.Load
	if l.SleepAfter == 0 || now-max(r.engine.stepEnd, r.config.Start) < l.SleepAfter {
		return 0
	}
	return l.WakeUp
}

// slowed is a timing at a share of its speed, always or for a while at each interval.
type slowed struct {
	Timing
	left   float64
	config *Config
}

// share returns what is left of the speed at a time.
func (s slowed) share(at int64) float64 {
	c := s.config
	if c.SlowEvery > 0 && (at < c.Start+c.SlowEvery || (at-c.Start)%c.SlowEvery >= c.SlowFor) {
		return 1
	}
	return s.left
}

func (s slowed) Step(b Batch) int64 { return int64(float64(s.Timing.Step(b)) / s.share(b.At)) }
func (s slowed) Host(b Batch) int64 { return int64(float64(s.Timing.Host(b)) / s.share(b.At)) }

// awake returns the first time from at on when the process is not stopped.
func (r *replica) awake(at int64) int64 {
	for _, p := range r.pauses {
		if at >= p.At && at < p.At+p.Duration {
			at = p.At + p.Duration
		}
	}
	return at
}

// tokenize gives a request to the tokenizer that is free first.
func (r *replica) tokenize(at, cost int64) (start, end int64) {
	i := 0
	for k, free := range r.tokenizers {
		if free < r.tokenizers[i] {
			i = k
		}
	}
	start = r.awake(max(at, r.tokenizers[i]))
	end = r.awake(start + cost)
	r.tokenizers[i] = end
	return start, end
}

// load makes the model ready for a request that comes now, and says when its weights are read and copied; both are zero
// when it is ready.
func (r *replica) load(now int64) (read, copied int64) {
	l := r.config.Load
	if l.Disk == 0 {
		return 0, 0
	}
	if r.loaded && l.KeepAlive > 0 && r.inFlight == 1 && now-r.lastUse > l.KeepAlive {
		r.loaded = false
	}
	if !r.loaded {
		weights := r.config.Model.Weights()
		r.loaded = true
		r.loadRead = now + l.Base + int64(weights/l.Disk*1e9)
		r.loadCopied = r.loadRead + int64(weights/(r.config.Device.Bus*float64(max(1, r.config.Devices)))*1e9)
	}
	if r.loadCopied <= now {
		return 0, 0
	}
	return max(now, r.loadRead), r.loadCopied
}

// takeJob returns the next job of an idle event loop.
func (r *replica) takeJob() (j job, ok bool) {
	if len(r.loop) == 0 || r.loopUntil != 0 || r.loopHeld >= 0 {
		return job{}, false
	}
	j = r.loop[0]
	r.loop = slices.Delete(r.loop, 0, 1)
	return j, true
}
