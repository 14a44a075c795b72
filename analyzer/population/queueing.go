package population

import (
	"github.com/slowtoken/slowtoken/analyzer/replay"
)

// The verdicts of queueing.
const (
	QueueCalm     = "calm"                       // nobody waits for long: no ratio
	QueueLoad     = "load explains the waits"    // the replay waits as long
	QueueHeld     = "capacity was held idle"     // the replay waits less: a hold, unless traces are sampled
	QueueHeldOr   = "held idle, or sampled"      // the same, where it cannot be told
	QueueNotFIFO  = "not FIFO, or too few slots" // the replay waits longer
	QueueUnknown  = "unknown"                    // see Queueing.Abstained
	StagePrefill  = "prefill"                    // slots are held during prefill
	StageDecode   = "decode"                     // during decode
	StageBoth     = "both"                       // during both
	LongWait      = int64(10e6)                  // ns: shorter waits count as none
	MinLongWaits  = 30                           // fewer are calm
	CalmWaitShare = 0.05                         // of mean E2E: less is calm
)

// A Queueing says how requests of one domain wait, and for what. Times are nanoseconds.
type Queueing struct {
	Requests  int // whose queue and service are known
	Waits     int // of them waited over LongWait
	MeanWait  float64
	MeanE2E   float64
	Plateaus  []Plateau // prefill, decode, both
	Binding   string    // the stage whose slots end the waits; "" while unknown
	Slots     int       // of the binding stage; 0 while unknown
	Replayed  float64   // mean wait of the replay with those slots
	Ratio     float64   // Replayed / MeanWait; 0 where none is given
	Verdict   string
	Abstained []Abstention
}

// A Plateau is how many requests were in service while others waited.
type Plateau struct {
	Stage string
	Count int     // time-weighted mode
	Share float64 // of the waiting time at Count
	Ends  float64 // share of waits that end within one decode step of a departure
}

// Model returns the server that the waits show, for replay; ok is false where there is none.
func (q *Queueing) Model() (m replay.Slots, ok bool) { return replay.Slots{}, false }

// Queueing returns how those members of d wait.
func (p *Population) Queueing(d *Domain, members []int32, s *Sizes, f Facts) Queueing {
	return Queueing{Verdict: QueueUnknown}
}

// A Load is the requests of a domain as jobs of a replay, by arrival.
type Load struct {
	Members []int32 // indices of Population.Records
	Jobs    []replay.Job
	Waits   []int64 // observed
}

// Load returns those members of d whose queue and service are known as jobs.
func (p *Population) Load(d *Domain, members []int32) Load { return Load{} }
