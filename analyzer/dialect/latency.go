package dialect

import "github.com/slowtoken/slowtoken/analyzer"

// The attributes in which vLLM, and engines that took them over, state what they measured; in seconds.
const (
	latencyTTFT      = "gen_ai.latency.time_to_first_token"
	latencyE2E       = "gen_ai.latency.e2e"
	latencyQueue     = "gen_ai.latency.time_in_queue"
	latencyPrefill   = "gen_ai.latency.time_in_model_prefill"
	latencyDecode    = "gen_ai.latency.time_in_model_decode"
	latencyInference = "gen_ai.latency.time_in_model_inference"
)

// latencies are the durations that one engine span states, in nanoseconds; unknown where it does not.
type latencies struct {
	ttft, e2e, queue, prefill, decode, inference int64
}

func readLatencies(s *analyzer.Span, d *durations) latencies {
	l := latencies{unknown, unknown, unknown, unknown, unknown, unknown}
	for i := range s.Attributes {
		a := &s.Attributes[i]
		switch a.Key {
		case latencyTTFT:
			l.ttft = d.read(a.Value, second)
		case latencyE2E:
			l.e2e = d.read(a.Value, second)
		case latencyQueue:
			l.queue = d.read(a.Value, second)
		case latencyPrefill:
			l.prefill = d.read(a.Value, second)
		case latencyDecode:
			l.decode = d.read(a.Value, second)
		case latencyInference:
			l.inference = d.read(a.Value, second)
		}
	}
	if l.inference >= 0 && l.prefill < 0 && l.decode >= 0 && l.inference >= l.decode {
		l.prefill = l.inference - l.decode
	}
	if l.inference >= 0 && l.decode < 0 && l.prefill >= 0 && l.inference >= l.prefill {
		l.decode = l.inference - l.prefill
	}
	return l
}

// A layout is where the stated durations of an engine span lie in its time.
type layout struct {
	first, last int64 // times of tokens; zero while unknown
	count       int
	parts       [5]analyzer.Part // all that there can be, of which count are
}

// layOut places l in [start, end]. Prefill, and before it queue, end at the first token, and decode begins there; what
// comes before them is the frontend's, and what comes after them is the stream's. A queue without a prefill counts from
// the start, as engines that state no prefill measure it.
func (l latencies) layOut(start, end int64, w *analyzer.Warnings) (out layout) {
	add := func(to int64, part analyzer.Part) {
		from := start
		if out.count > 0 {
			from = out.parts[out.count-1].End
		}
		if part.Start, part.End = from, min(to, end); part.Start < part.End {
			out.parts[out.count] = part
			out.count++
		}
	}
	queue := analyzer.Part{Phase: analyzer.Queue, Detail: "unknown", Source: analyzer.SourceAttribute}
	switch {
	case l.ttft >= 0:
		out.first = start + l.ttft
	case l.decode >= 0:
		out.first = end - l.decode
		w.Add(analyzer.WarnFirstTokenInferred, 1)
	case l.queue >= 0 && l.prefill >= 0:
		out.first = min(start+l.queue+l.prefill, end)
		w.Add(analyzer.WarnFirstTokenInferred, 1)
	default:
		add(start+max(l.queue, 0), queue)
		unseparated := analyzer.SetOf(analyzer.Prefill, analyzer.Decode, analyzer.Stream)
		if l.queue < 0 {
			unseparated |= analyzer.SetOf(analyzer.Frontend, analyzer.Queue)
		}
		add(end, analyzer.Part{Covers: unseparated, Source: analyzer.SourceInferred})
		return out
	}

	if max(l.prefill, 0)+max(l.queue, 0) > out.first-start {
		w.Add(analyzer.WarnDurationsDisagree, 1)
	}
	switch {
	case l.prefill >= 0:
		prefill := max(out.first-l.prefill, start)
		if l.queue >= 0 {
			add(max(prefill-l.queue, start), analyzer.Part{Phase: analyzer.Frontend, Source: analyzer.SourceInferred})
			add(prefill, queue)
		} else {
			add(prefill, analyzer.Part{Covers: analyzer.SetOf(analyzer.Frontend, analyzer.Queue), Source: analyzer.SourceInferred})
		}
		add(out.first, analyzer.Part{Phase: analyzer.Prefill, Source: analyzer.SourceAttribute})
	case l.queue >= 0:
		add(min(start+l.queue, out.first), queue)
		add(out.first, analyzer.Part{Phase: analyzer.Prefill, Source: analyzer.SourceInferred})
	default:
		add(out.first, analyzer.Part{
			Covers: analyzer.SetOf(analyzer.Frontend, analyzer.Queue, analyzer.Prefill), Source: analyzer.SourceAttribute,
		})
	}

	decode := analyzer.Part{Phase: analyzer.Decode, Source: analyzer.SourceAttribute}
	switch {
	case l.decode >= 0:
		if out.first+l.decode > end {
			w.Add(analyzer.WarnOverrun, 1)
		}
		out.last = min(out.first+l.decode, end)
	case l.e2e >= 0:
		out.last, decode.Source = max(start+l.e2e, out.first), analyzer.SourceInferred
	default:
		add(end, analyzer.Part{
			Phase: analyzer.Decode, Covers: analyzer.SetOf(analyzer.Decode, analyzer.Stream), Source: analyzer.SourceInferred,
		})
		return out
	}
	add(out.last, decode)
	add(end, analyzer.Part{Phase: analyzer.Stream, Source: analyzer.SourceInferred})
	return out
}
