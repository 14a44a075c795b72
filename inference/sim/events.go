package sim

// An eventKind is what happens.
type eventKind uint8

const (
	eventArrival eventKind = iota // a request reaches the servers
	eventDue                      // a client with a limit of connections has a request to send
	eventFree                     // one of its connections is free again
	eventGateway                  // a request reaches a gateway that limits how many it lets through
	eventAttempt                  // a request reaches a gateway that has a quota
	eventRelayed                  // an answer has passed a gateway that limits how many are under way
	eventLoop                     // an event loop is done with a job
	eventQueued                   // a request reaches an engine's queue
	eventStep                     // an engine's step ends
	eventWake                     // an engine may begin
	eventScrape                   // a monitor reads /metrics
	eventCollect                  // a front end's garbage is collected
	eventCount                    // somebody has a text's tokens counted
	eventSample                   // gauges are read
)

// An event happens at a time. Events of one time happen in the order in which they were planned.
type event struct {
	at      int64
	order   uint64
	kind    eventKind
	replica int
	request int
}

func (e event) before(f event) bool { return e.at < f.at || e.at == f.at && e.order < f.order }

// events is a binary heap with the next event at its top.
type events struct {
	list  []event
	order uint64
}

func (q *events) add(at int64, kind eventKind, replica, request int) {
	q.order++
	q.list = append(q.list, event{at, q.order, kind, replica, request})
	for i := len(q.list) - 1; i > 0; {
		parent := (i - 1) / 2
		if !q.list[i].before(q.list[parent]) {
			return
		}
		q.list[i], q.list[parent] = q.list[parent], q.list[i]
		i = parent
	}
}

func (q *events) next() (e event, ok bool) {
	if len(q.list) == 0 {
		return event{}, false
	}
	e = q.list[0]
	last := len(q.list) - 1
	q.list[0] = q.list[last]
	q.list = q.list[:last]
	for i := 0; ; {
		child := 2*i + 1
		if child >= last {
			return e, true
		}
		if child+1 < last && q.list[child+1].before(q.list[child]) {
			child++
		}
		if !q.list[child].before(q.list[i]) {
			return e, true
		}
		q.list[i], q.list[child] = q.list[child], q.list[i]
		i = child
	}
}
