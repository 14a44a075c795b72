package sim

import (
	"errors"
	"time"
)

// maxAttempts is how often a client tries a request at most.
const maxAttempts = 4

// Config is a system of clients, network, gateway and servers.
type Config struct {
	Seed  uint64
	Start int64 // when the load begins, in nanoseconds since the Unix epoch

	Model   Model
	Device  Device
	Devices int // that a replica has
	Timing  Timing
	Engine  EngineConfig

	Replicas int
	Routing  Routing
	// Look is the interval at which a stale router looks at the replicas.
	Look int64
	// Scale adds replicas while the run goes on.
	Scale []ScaleUp
	// Slow makes single replicas slower: replica to the share of speed that is left.
	Slow map[int]float64
	// SlowEvery and SlowFor make Slow hold for SlowFor from each SlowEvery on; 0 is always.
	SlowEvery, SlowFor int64
	// Drain takes replicas away from a router that looks for the least loaded: replica to when it gets its last request.
	Drain map[int]int64

	Server  Server
	Network Network
	Client  Client
	Retry   Retry
	Load    Load
	Pauses  []Pause

	KeepTokens bool // Request.TokenTimes, ChunkTimes and ChunkContent are kept
}

// Routing says which replica gets a request.
type Routing uint8

// The ways of routing.
const (
	RouteLeastLoaded Routing = iota
	RouteRoundRobin
	RouteSkewed // every second request to the first replica, the rest in turn
	RouteSticky // each user's requests to the same replica; few users send most
	RouteStale  // the replica that had the fewest requests when all were last looked at
)

// A ScaleUp is a replica that takes requests from a time on.
type ScaleUp struct{ At int64 }

// Server is what a server process does beside inference.
type Server struct {
	Accept        int64 // time of the event loop to take up a request
	Handle        int64 // time of the event loop to read and prepare it
	HandleToken   int64 // nanoseconds of that for each prompt token, as of a template that puts a conversation into its form
	Block         int64 // time that a handler keeps the event loop from all else
	BlockGenerate bool  // a handler keeps the event loop until its answer is whole
	Tokenizers    int   // threads; at least 1
	TokenizeBase  int64
	TokenizeToken int64   // nanoseconds for each prompt token
	TokenizePair  float64 // nanoseconds for each pair of prompt tokens, as of a pattern that looks back over all that it read
	CountEvery    int64   // interval at which somebody has a text's tokens counted, by the tokenizers; 0 is never
	Count         int64   // that it takes
	Dispatch      int64   // from the tokenizer to the engine's queue
	Detokenize    int64   // from the engine to the front end
	Serialize     int64   // time of the event loop to put a message into its form; tokens that come while one waits for it go with that one
	Write         int64   // to make a message and write it
	Separate      bool    // tokens that wait for the socket are not put into one message
	Whole         bool    // answers are sent in one piece, not streamed
	Scrape        int64   // interval at which a monitor reads /metrics; 0 is never
	Hold          Hold
	Adapters      Adapters
	Limited       Limited
	Masked        float64 // share of requests whose answers have a given form: the host says at each step which tokens they may go on with
	Uncached      float64 // share of requests for which nothing cached can be used, as of those that want log-probabilities of their prompt
	FlushEvery    int     // handlers after which the one at hand writes the log out, in the event loop; 0 is never
	Flush         int64   // that it takes
	CollectEvery  int64   // interval at which the front end's garbage is collected, in the event loop; 0 is never
	Collect       int64   // that it takes
}

// Hold keeps a share of requests in the engine's queue for a time though there is room, as a grammar does that must be
// compiled first; others pass them.
type Hold struct {
	Share    float64
	Duration int64
}

// Limited lets only so many of a share of requests, those of one tenant, be in service at once: others pass them.
type Limited struct {
	Share float64
	Slots int
}

// Network is what lies between client, gateway and server. Delays have an exponential part with the mean of Jitter.
type Network struct {
	Delay, Jitter int64   // client to gateway, one way
	Hop           int64   // gateway to server, one way
	Gateway       int64   // that the gateway takes for a request, and again for its answer
	Bandwidth     float64 // bytes a second of one answer's connection; 0 is without limit
	ChunkBytes    float64 // of one token in the stream
	Connect       int64   // mean time to look the gateway up and connect to it, for every call; 0: connections are kept open
	Limit         float64 // requests a second that the gateway lets through; others wait in it. 0 is without limit
	Upstream      int     // answers that the gateway has under way at once at most; requests wait in it for one to end. 0 is without limit
	Lookups       float64 // share of calls whose first look-up of the gateway's name is lost
	Lookup        int64   // after which it is tried again
	Quota         int     // tokens of prompts and answers that the gateway lets through in each QuotaEvery; more is answered with Retry.Status. 0 is without limit
	QuotaEvery    int64
	Buffer        int   // tokens that the gateway keeps until there are so many, or the answer is whole; 0: it passes each on
	CheckToken    int64 // the gateway keeps an answer until it is whole, and checks it for so long for each of its tokens; 0: it passes tokens on
}

// Client is how the client behaves.
type Client struct {
	Lag       int64   // mean of what a request is sent too late
	Tick      int64   // it sends what has come together at each Tick since the load began; 0 is at once
	ReadChunk int64   // that it takes to read one message of the stream
	ReadEvery int64   // interval at which it looks for messages and reads all that have come; 0: it reads on
	Window    int     // messages that lie between server and client before the server must wait; at least 1
	Stops     float64 // share of clients that stop reading once
	Stop      int64   // for so long, from their third message on
	// Connections is how many requests are under way at once at most; others wait in the client. 0 is without limit.
	Connections int
}

// Retry is how often calls fail at the gateway and what the client does then.
type Retry struct {
	Share   float64 // of attempts that fail
	After   int64   // from the gateway's receipt to its answer
	Status  int     // HTTP status of that answer
	Backoff int64   // before the second attempt; doubled for each later one

	// For DownFor, each DownEvery, no attempt succeeds.
	DownEvery, DownFor int64
}

// Load is how the model gets to the device.
type Load struct {
	Disk      float64 // bytes a second; 0: the model is loaded before the run, and stays
	Base      int64   // beside reading and copying
	KeepAlive int64   // after so long without requests the model is unloaded

	// A device that had no work for SleepAfter takes WakeUp longer for its next step; 0 is never.
	SleepAfter, WakeUp int64
}

// A Pause stops a whole server process, as a garbage collector or SIGSTOP does.
type Pause struct {
	Replica  int
	At       int64
	Duration int64
}

// NewConfig returns a well-configured server of the model on one device, close to vLLM's defaults.
func NewConfig(m Model, d Device) Config {
	return Config{
		Seed:  1,
		Start: time.Date(2026, 1, 15, 9, 0, 0, 0, time.UTC).UnixNano(),
		Model: m, Device: d, Devices: 1,
		Timing: NewRoofline(m, d, 1),
		Engine: EngineConfig{
			Slots: 256, TokenBudget: 2048, Blocks: KVBlocks(m, d, 1), PrefixCache: true,
			CopyPerToken: 4, KVBytes: m.KVBytes(),
		},
		Replicas: 1,
		Server: Server{
			Accept: 60_000, Handle: 250_000, Tokenizers: 1, TokenizeBase: 300_000, TokenizeToken: 1_500,
			Dispatch: 300_000, Detokenize: 400_000, Write: 200_000, Scrape: int64(15 * time.Second),
		},
		Network: Network{Delay: 800_000, Jitter: 200_000, Hop: 150_000, Gateway: 300_000, ChunkBytes: 180},
		Client:  Client{Lag: 50_000, ReadChunk: 20_000, Window: 64},
		Retry:   Retry{Status: 503, After: 2_000_000, Backoff: int64(200 * time.Millisecond)},
	}
}

func (c Config) check() error {
	switch {
	case c.Timing == nil:
		return errors.New("simulate: no timing; NewConfig has one")
	case c.Replicas < 1:
		return errors.New("simulate: want at least one replica")
	case c.Retry.Share < 0 || c.Retry.Share >= 1:
		return errors.New("simulate: the share of attempts that fail must be from 0 to below 1")
	case c.Client.Window < 1 || c.Server.Tokenizers < 1:
		return errors.New("simulate: want at least one tokenizer and a window of one message")
	}
	return nil
}

// ClockAt returns the clock rate of the device at a time, in MHz: it falls with what the device can compute.
func (c Config) ClockAt(at int64) float64 {
	const full = 1980
	r, ok := c.Timing.(Roofline)
	rate := 1.0
	if ok {
		for _, change := range r.Changes {
			if change.From <= at {
				rate = change.Compute
			}
		}
	}
	return full * rate
}
