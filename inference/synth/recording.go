package synth

import (
	"cmp"
	"slices"
	"time"

	"github.com/slowtoken/slowtoken/analyzer"
)

// RecordingOptions say when a [Recording] plays.
type RecordingOptions struct {
	Seed  uint64
	Start int64 // of the first second, in nanoseconds since the Unix epoch
}

// DemoRecording are the options of the recording that ships with the program.
var DemoRecording = RecordingOptions{Seed: 1, Start: time.Date(2026, 1, 15, 9, 30, 0, 0, time.UTC).UnixNano()}

const recordingLength = int64(3 * time.Minute)

// The load is well within what the engine can do, but for 20 seconds in the middle, when more arrives than it can
// serve: a queue builds, and takes longer than that to drain.
var recordingLoads = []load{
	{from: 0, rate: 1.4},
	{from: int64(80 * time.Second), rate: 5},
	{from: int64(100 * time.Second), rate: 1.4},
}

var recordingEngine = Engine{
	Slots:           8,
	PrefillBase:     int64(14 * time.Millisecond),
	PrefillPerToken: int64(85 * time.Microsecond),
	StepBase:        int64(11 * time.Millisecond),
	StepPerSequence: int64(350 * time.Microsecond),
}

// A Batch is what one process exported at once: spans of one resource.
type Batch []analyzer.Span

// Recording returns three minutes of traffic on one vLLM server behind a chat service, a few hundred requests, as an
// OpenTelemetry collector would have written it to a file: in batches of one process each, by the time of export. The
// chat service has an HTTP server span for every request; vLLM has its llm_request span in it, with its durations as
// attributes. Requests that the chat service refuses, and those whose client went away, have no vLLM span: vLLM writes
// none for them.
func Recording(o RecordingOptions) []Batch {
	r := newRandom(o.Seed, 0)
	inFlight := map[*Call]*vllmCall{}
	var app, engine []analyzer.Span
	calls := func(yield func(*Call) bool) {
		var tokenizerFree int64
		for at := range poisson(r, recordingLoads, recordingLength) {
			if r.IntN(60) == 0 {
				app = append(app, refusedSpan(r, o.Start+at))
				continue
			}
			v := newVLLMCall(r, o.Start+at)
			// One thread tokenizes, so requests reach the queue in the order in which they came.
			tokenizerFree = max(v.arrival, tokenizerFree) + int64(1800*time.Microsecond) + int64(v.call.Prompt)*1700
			v.call.Queued = tokenizerFree
			inFlight[&v.call] = v
			if !yield(&v.call) {
				return
			}
		}
	}
	for call := range recordingEngine.Serve(calls) {
		v := inFlight[call]
		delete(inFlight, call)
		v.finish(r)
		app = append(app, v.appSpan())
		if !v.aborted {
			engine = append(engine, v.engineSpan())
		}
	}
	batches := append(export(app), export(engine)...)
	slices.SortStableFunc(batches, func(a, b Batch) int { return cmp.Compare(exportedAt(a[0]), exportedAt(b[0])) })
	return batches
}

// A process exports what ended since its last export, every 5 seconds.
const exportInterval = int64(5 * time.Second)

func exportedAt(s analyzer.Span) int64 { return s.End / exportInterval }

func export(spans []analyzer.Span) []Batch {
	slices.SortStableFunc(spans, func(a, b analyzer.Span) int { return cmp.Compare(a.End, b.End) })
	var batches []Batch
	for i, s := range spans {
		if i == 0 || exportedAt(s) != exportedAt(spans[i-1]) {
			batches = append(batches, nil)
		}
		last := len(batches) - 1
		batches[last] = append(batches[last], s)
	}
	return batches
}
