package emit

import (
	"strconv"
	"strings"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/inference/sim"
)

var tgiScope = &analyzer.Scope{Name: "text-generation-inference.router"}

// tgi is the router's span with durations as texts, and below it what its functions did. Source:
// https://github.com/huggingface/text-generation-inference, router/src/server.rs, router/src/validation.rs,
// backends/v3/src/queue.rs and backend.rs at db931fcf.
var tgi = Dialect{
	Name:   "tgi",
	Doc:    "Text Generation Inference 3: durations as texts on generate_stream, spans below it for validation, queue, prefill and each step of decode. Lost: why a step was late, and the traces of batches, which are not written.",
	Tokens: true,
	request: func(w *writer, r *sim.Request) []analyzer.Span {
		spans, parent := w.above(r)
		if r.Refused {
			return spans
		}
		resource := w.servers[r.Replica]
		span := func(parent analyzer.SpanID, name string, start, end int64) analyzer.Span {
			s := w.span(parent, name, analyzer.SpanKindInternal, start, end, resource, tgiScope)
			spans = append(spans, s)
			return s
		}
		root := span(parent, "generate_stream", r.Handled, r.Last.Written)
		at := len(spans) - 1
		if !parent.IsZero() {
			spans[at].Flags = flagsRemote
		}
		inference := r.LastToken - r.Scheduled
		spans[at].Attributes = analyzer.Attributes{
			text("parameters", "GenerateParameters { max_new_tokens: Some("+strconv.FormatInt(w.maxTokens(r), 10)+") }"),
			text("total_time", rustDuration(r.LastToken-r.Handled)),
			text("validation_time", rustDuration(r.Queued-r.Handled)),
			text("queue_time", rustDuration(r.Scheduled-r.Queued)),
			text("inference_time", rustDuration(inference)),
			text("time_per_token", rustDuration(inference/int64(r.Output))),
			text("seed", "None"),
		}
		validate := span(root.ID, "validate", r.Handled, r.Queued)
		input := span(validate.ID, "validate_input", r.Handled, r.Queued)
		span(input.ID, "tokenize", r.Handled, r.Tokenized)
		schedule := span(root.ID, "schedule", r.Queued, r.Last.Detokenized)
		span(schedule.ID, "queued", r.Queued, r.Scheduled)
		begun := r.Scheduled
		for _, end := range r.TokenTimes {
			span(schedule.ID, "infer", begun, end)
			begun = end
		}
		span(schedule.ID, "send_generation", r.LastToken, r.Last.Detokenized)
		return spans
	},
	metrics: func(w *writer, s sim.Sample) []analyzer.MetricPoint {
		resource := w.servers[s.Replica]
		return []analyzer.MetricPoint{
			w.gauge(resource, s, "tgi_batch_current_size", "", float64(s.Running)),
			w.gauge(resource, s, "tgi_queue_size", "", float64(s.Waiting)),
			w.histogram(resource, s, "tgi_request_input_length", func(r *sim.Request) (int, int64) { return r.Prompt, r.Tokenized }),
			w.histogram(resource, s, "tgi_request_generated_tokens", func(r *sim.Request) (int, int64) { return r.Output, r.LastToken }),
		}
	},
}

// rustDuration spells nanoseconds as Rust's Debug of a Duration does: the largest unit of which there is at least one,
// and as many digits as there are.
func rustDuration(ns int64) string {
	for _, unit := range []struct {
		ns     int64
		name   string
		digits int
	}{{1e9, "s", 9}, {1e6, "ms", 6}, {1e3, "µs", 3}} {
		if ns < unit.ns {
			continue
		}
		whole := strconv.FormatInt(ns/unit.ns, 10)
		rest := strconv.FormatInt(unit.ns+ns%unit.ns, 10)[1:]
		if rest = strings.TrimRight(rest, "0"); rest != "" {
			return whole + "." + rest + unit.name
		}
		return whole + unit.name
	}
	return strconv.FormatInt(ns, 10) + "ns"
}
