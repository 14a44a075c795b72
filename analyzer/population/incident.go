package population

import "time"

// An Incident is a short stretch that holds nearly all of a regime's tail. Times are nanoseconds since the Unix epoch.
type Incident struct {
	Domain     string        `json:"domain"`
	Since      int64         `json:"since_ns"` // the burst's first arrival
	Arrivals   int           `json:"arrivals"` // of the burst
	ArrivedFor time.Duration `json:"arrived_for_ns"`
	Drained    int64         `json:"drained_ns"` // when as few were in flight again as before the burst
	Drain      time.Duration `json:"drain_ns"`   // from the burst's first arrival
	Tail       int           `json:"tail"`       // requests of the regime's tail in it
	TailOf     int           `json:"tail_of"`    // all requests of the regime's tail
	P95        int64         `json:"p95_e2e_ns"` // of the regime
	P95Without int64         `json:"p95_e2e_without_ns"`
	Worst      Exemplar      `json:"worst"`
	Members    []int32       `json:"-"` // all that arrived from its start until it was drained
}
