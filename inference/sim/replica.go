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
		timing = slowed{timing, left}
	}
	r := &replica{
		index: index, from: from, config: c, engine: NewEngine(c.Engine, timing),
		loopHeld: -1, tokenizers: make([]int64, c.Server.Tokenizers), loaded: c.Load.Disk == 0,
	}
	for _, p := range c.Pauses {
		if p.Replica == index {
			r.pauses = append(r.pauses, p)
		}
	}
	return r
}

// slowed is a timing at a share of its speed.
type slowed struct {
	Timing
	left float64
}

func (s slowed) Step(b Batch) int64 { return int64(float64(s.Timing.Step(b)) / s.left) }
func (s slowed) Host(b Batch) int64 { return int64(float64(s.Timing.Host(b)) / s.left) }

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
