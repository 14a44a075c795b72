package main

import (
	"math"
	"slices"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/dialect"
	"github.com/slowtoken/slowtoken/inference/ollama"
)

// A logIndex has the moments of requests in the server's log, which knows them by the length of their prompt.
type logIndex struct {
	admitted map[int]int64 // by bytes: the model is loaded, and the runner gets the request
	slotted  map[int]int64 // by tokens: the request has a slot, and prefill begins
}

// indexLog reads the events of one run. A length that is there twice tells nothing, and is left out.
func indexLog(events []ollama.LogEvent) logIndex {
	x := logIndex{map[int]int64{}, map[int]int64{}}
	twice := func(m map[int]int64, key int, at int64) {
		if _, there := m[key]; there {
			at = 0
		}
		m[key] = at
	}
	for _, e := range events {
		switch e.Kind {
		case ollama.AtRequest:
			twice(x.admitted, e.Prompt, e.Time)
		case ollama.AtSlot:
			twice(x.slotted, e.Prompt, e.Time)
		}
	}
	return x
}

// What is compared with truth from elsewhere, and where that is from.
const (
	prefillStart = "prefill starts"        // against the server's log
	loadEnd      = "loading ends"          // against the server's log
	serverWait   = "waiting in the server" // with tokenizing; against the server's log
	networkTime  = "time in the network"   // between client and gateway, against the relay's clock
	retryTime    = "time in retries"       // against the client's own clock
)

// A timeError is how far what is read is from the truth, over the requests of a run.
type timeError struct {
	What   string  `json:"what"`
	N      int     `json:"n"`
	Within int     `json:"within"` // 5 ms, or 2 % of what is measured
	Mean   float64 `json:"mean_ms"`
	P95    float64 `json:"p95_ms"`
	Truth  float64 `json:"truth_ms"` // mean of what is measured, or of requests where that is a moment
}

// errorsOf collects the differences of requests.
type errorsOf struct {
	off, size []float64 // in milliseconds
}

func (e *errorsOf) add(read, truth, size int64) {
	e.off = append(e.off, math.Abs(float64(read-truth))/1e6)
	e.size = append(e.size, float64(size)/1e6)
}

func (e *errorsOf) sum(what string) timeError {
	t := timeError{What: what, N: len(e.off)}
	for i := range e.off {
		t.Mean += e.off[i] / float64(t.N)
		t.Truth += e.size[i] / float64(t.N)
		if e.off[i] <= max(5, e.size[i]/50) {
			t.Within++
		}
	}
	sorted := slices.Sorted(slices.Values(e.off))
	t.P95 = sorted[(95*t.N+99)/100-1]
	return t
}

// timeErrors compares the ledgers that the analyzer makes of a run with what is known from elsewhere.
func timeErrors(o *observation, f *faultCase) (list []timeError) {
	known := map[int64]*sent{} // by prompt tokens
	for i := range o.sent {
		known[int64(o.sent[i].tokens)] = &o.sent[i]
	}
	all := map[string]*errorsOf{}
	add := func(what string, read, truth, size int64) {
		if all[what] == nil {
			all[what] = &errorsOf{}
		}
		all[what].add(read, truth, size)
	}
	for t := range analyzer.GroupByTrace(slices.Clone(o.spans)) {
		requests, _ := analyzer.Requests(t, dialect.All)
		for k := range requests {
			r := &requests[k]
			s := known[r.InputTokens]
			if s == nil || r.Outcome != analyzer.Succeeded {
				continue
			}
			compareLog(r, s, &o.log, add)
			if o.relay != nil {
				if late, ok := o.relay.delayed(t.ID); ok {
					add(networkTime, beforeGateway(r), int64(late), int64(late))
				}
			}
			if f.refuse > 0 && s.wasted > 0 {
				add(retryTime, r.E2ELedger.ByPhase()[analyzer.Retry], int64(s.wasted), int64(s.wasted))
			}
		}
	}
	for _, what := range []string{prefillStart, loadEnd, serverWait, networkTime, retryTime} {
		if all[what] != nil {
			list = append(list, all[what].sum(what))
		}
	}
	return list
}

// beforeGateway is how long a request is in the network between client and gateway: no span of either says so. The
// gateway's own way to the server behind it has one.
func beforeGateway(r *analyzer.Request) (ns int64) {
	for i := range r.E2ELedger.Parts {
		if p := &r.E2ELedger.Parts[i]; p.Phase == analyzer.Network && p.Source == analyzer.SourceInferred {
			ns += p.End - p.Start
		}
	}
	return ns
}

// compareLog compares where the analyzer puts the moments of a request with the server's log.
func compareLog(r *analyzer.Request, s *sent, log *logIndex, add func(what string, read, truth, size int64)) {
	slotted, admitted := log.slotted[s.tokens], log.admitted[len(s.prompt)]
	var prefill, waiting *analyzer.Part
	for i := range r.E2ELedger.Parts {
		p := &r.E2ELedger.Parts[i]
		switch {
		case p.Phase == analyzer.Prefill && prefill == nil:
			prefill = p
		case p.Covers.Has(analyzer.Queue) && p.Covers.Has(analyzer.Tokenize), p.Covers.Has(analyzer.Tokenize) && p.Covers.Has(analyzer.Frontend):
			waiting = p
		}
	}
	if prefill != nil && slotted != 0 {
		add(prefillStart, prefill.Start, slotted, r.E2E())
	}
	if waiting != nil && admitted != 0 {
		add(loadEnd, waiting.Start, admitted, r.E2E())
		if slotted != 0 {
			add(serverWait, waiting.End-waiting.Start, slotted-admitted, slotted-admitted)
		}
	}
}
