package inference

import (
	"time"

	"github.com/slowtoken/slowtoken/analyzer"
)

// A Basis says how the times of a segment are known.
type Basis string

// The bases.
const (
	Measured Basis = "measured" // both ends were seen on the gateway's own clock
	Reported Basis = "reported" // Ollama's answer states the duration or the time
	Bounded  Basis = "bounded"  // it lies between what was measured and what was reported
)

// A Segment is a stretch of a request's time, in nanoseconds since the Unix epoch.
type Segment struct {
	Start, End int64
	Name       string           // of the span
	Phases     []analyzer.Phase // several that cannot be told apart
	Detail     string
	Basis      Basis
}

// Stamps are what the gateway's clock said, in nanoseconds since the Unix epoch; zero for what did not happen.
type Stamps struct {
	Arrived   int64 // the request's headers were read
	Queued    int64 // its body was read and understood
	Granted   int64 // it had its slot
	Tokenized int64 // its prompt was tokenized; zero when there is no vocabulary
	Sent      int64 // Ollama was given all of it
	First     int64 // the first chunk came from Ollama
	Done      int64 // the last chunk came from Ollama
	Ended     int64 // the client was given the last of it, or it ended otherwise
}

// A ServerReport is what Ollama's answer says of itself, on its own clock.
type ServerReport struct {
	First, Done int64 // created_at of the first chunk and of the last, in nanoseconds since the Unix epoch
	// Durations. Total counts from the first line of the server's handler and so holds all waiting; load comes first in
	// it, decode (eval) last.
	Total, Load, PromptEval, Eval time.Duration
}

// A Served is what the gateway knows of the server beside one answer.
type Served struct {
	Resident bool // the model was loaded before the request was sent
	// OwnsQueue says that the server takes at once all that the gateway sends, so that nothing waits for a slot in it.
	OwnsQueue bool
	// WeightsFrom and WeightsTo are when weights were copied to a GPU, on the server's clock; zero while unknown.
	WeightsFrom, WeightsTo int64
}

// reloadTime is what load_duration of a model that was loaded must be for a reload, which other options of a request
// cause. Starting a runner takes 250 ms at least, since Ollama asks a new one that often whether it is ready; on a server
// that is paused or short of processors, looking a loaded model up takes as long.
const reloadTime = time.Second

// Timeline lays one request out: the segments tile [Arrived, Ended] without gap or overlap as far as what it was told
// reaches, and shift is by how much the server's clock was moved to fit between the gateway's stamps. r is nil while the
// server has not said that it is done; then what happened in it stays unexplained.
func Timeline(s Stamps, r *ServerReport, served Served) (list []Segment, shift int64) {
	at := s.Arrived
	add := func(end int64, segment Segment) {
		segment.Start, segment.End = at, min(max(end, at), s.Ended)
		if segment.End > segment.Start && segment.Name != "" {
			list = append(list, segment)
		}
		at = segment.End
	}
	step := func(end int64, name string, basis Basis, detail string, phases ...analyzer.Phase) {
		if end != 0 {
			add(end, Segment{Name: name, Phases: phases, Detail: detail, Basis: basis})
		}
	}
	if s.Queued == 0 {
		step(s.Ended, "receive", Measured, "", analyzer.Gateway)
		return list, 0
	}
	step(s.Queued, "receive", Measured, "", analyzer.Gateway)
	if s.Granted == 0 {
		step(s.Ended, "queue", Measured, "capacity", analyzer.Queue)
		return list, 0
	}
	step(s.Granted, "queue", Measured, "capacity", analyzer.Queue)
	step(s.Tokenized, "tokenize", Measured, "", analyzer.Tokenize)
	step(s.Sent, "send", Measured, "", analyzer.Gateway)
	if r == nil {
		if s.First != 0 {
			add(s.First, Segment{})
			step(s.Ended, "decode", Measured, "", analyzer.Decode)
		}
		return list, 0
	}

	began := r.Done - int64(r.Total)
	shift = fit(began, r.Done, s.Sent, s.Done)
	began += shift
	done := r.Done + shift
	// eval_duration leaves out what is between steps, so the first token came no later than that before the end; the first
	// chunk is written after it, at once unless the server is short of processors.
	first := done - int64(r.Eval)
	if r.First != 0 {
		first = min(first, r.First+shift)
	}
	loaded := began + int64(r.Load)
	wait := []analyzer.Phase{analyzer.Queue, analyzer.Tokenize, analyzer.Frontend}
	if served.OwnsQueue {
		wait = wait[1:]
	}

	step(began, "call", Bounded, "", analyzer.Network)
	switch {
	case served.Resident && r.Load < reloadTime:
		// A server that has the model still reads its description and checks it.
		step(loaded, "prepare", Reported, "", analyzer.Frontend)
	case served.WeightsTo > served.WeightsFrom:
		step(min(served.WeightsFrom+shift, loaded), "model_load", Reported, "", analyzer.ModelLoad)
		step(min(served.WeightsTo+shift, loaded), "gpu_transfer", Bounded, "weight_load", analyzer.GPUTransfer)
		step(loaded, "model_load", Reported, "", analyzer.ModelLoad)
	default:
		step(loaded, "model_load", Reported, "", analyzer.ModelLoad)
	}
	step(first-int64(r.PromptEval), "admit", Bounded, "", wait...)
	step(first, "prefill", Reported, "", analyzer.Prefill)
	step(done, "decode", Reported, "", analyzer.Decode)
	step(s.Ended, "stream", Measured, "", analyzer.Stream)
	return list, shift
}

// fit returns by how much [began, done] must move to lie between sent and received: by nothing if it does, else as
// little as will do. One that is longer than the gap is made to end when it was received.
func fit(began, done, sent, received int64) int64 {
	switch {
	case done > received || done-began > received-sent:
		return received - done
	case began < sent:
		return sent - began
	}
	return 0
}
