package emit

import (
	"fmt"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/inference/sim"
)

var sglangScope = &analyzer.Scope{Name: "sglang"}

// sglang is a request span, a span of each thread below it, and slices below those, each linked to the one before.
// Sources: https://github.com/sgl-project/sglang, python/sglang/srt/observability/trace.py at 02a58088 and
// req_time_stats.py at 00ce49e0; python/sglang/srt/metrics/collector.py.
var sglang = Dialect{
	Name:   "sglang",
	Doc:    "SGLang at trace level 3: slices of tokenizing, queue, prefill and each step of decode. Lost: where a prompt's chunks ended, and weights and inputs on their way to the device. time_in_model_prefill has the queue in it.",
	Tokens: true,
	request: func(w *writer, r *sim.Request) []analyzer.Span {
		spans, parent := w.above(r)
		if r.Refused {
			return spans
		}
		resource := w.servers[r.Replica]
		dispatched := r.Queued - w.run.Config.Server.Dispatch/3
		root := w.span(parent, "Req "+w.id[:8], analyzer.SpanKindInternal, r.Handled, r.Last.Detokenized, resource, sglangScope)
		if !parent.IsZero() {
			root.Flags = flagsRemote
		}
		root.Attributes = analyzer.Attributes{
			text("rid", w.id), text("module", "sglang::request"),
			number("gen_ai.usage.completion_tokens", int64(r.Output)), number("gen_ai.usage.prompt_tokens", int64(r.Prompt)),
			number("gen_ai.usage.cached_tokens", int64(r.Cached)),
			seconds("gen_ai.latency.time_to_first_token", r.First.Detokenized-r.Handled),
			seconds("gen_ai.latency.e2e", r.Last.Detokenized-r.Handled),
			seconds("gen_ai.latency.time_in_model_decode", r.LastToken-r.FirstToken),
			seconds("gen_ai.latency.time_in_model_inference", r.LastToken-dispatched),
			seconds("gen_ai.latency.time_in_model_prefill", r.FirstToken-dispatched),
		}
		t := sglangThreads{w: w, resource: resource, root: root.ID}
		t.thread("Tokenizer", 1000, r.Handled, r.Last.Detokenized)
		t.slice("tokenize", r.Handled, r.Tokenized)
		t.slice("api_server_dispatch", r.Tokenized, dispatched)
		t.thread("Scheduler [TP 0]", 2000, dispatched, r.LastToken)
		t.slice("request_process", dispatched, r.Queued)
		t.slice("prefill_waiting", r.Queued, r.Scheduled)
		t.slice("prefill_forward", r.Scheduled, r.FirstToken)
		if r.Output > 1 {
			decode := t.slice("decode_forward", r.FirstToken, r.LastToken)
			for i := 1; i < len(r.TokenTimes); i++ {
				loop := t.slice("decode_loop", r.TokenTimes[i-1], r.TokenTimes[i])
				t.spans[loop].Parent = t.spans[decode].ID
				t.spans[loop].Attributes = analyzer.Attributes{number("decode_ct", int64(i))}
			}
			for _, at := range r.LostAt {
				if at >= r.FirstToken {
					t.spans[decode].Events = append(t.spans[decode].Events, analyzer.Event{Time: at, Name: "retract"})
				}
			}
		}
		return append(append(spans, root), t.spans...)
	},
	metrics: func(w *writer, s sim.Sample) []analyzer.MetricPoint {
		resource := w.servers[s.Replica]
		return []analyzer.MetricPoint{
			w.gauge(resource, s, "sglang:num_running_reqs", "", float64(s.Running)),
			w.gauge(resource, s, "sglang:num_queue_reqs", "", float64(s.Waiting)),
			w.gauge(resource, s, "sglang:token_usage", "", s.KVUsed),
		}
	},
}

// sglangThreads collects the spans of threads and their slices.
type sglangThreads struct {
	w        *writer
	resource *analyzer.Resource
	root     analyzer.SpanID
	current  analyzer.SpanID
	spans    []analyzer.Span
	last     int // the slice before, or -1
}

func (t *sglangThreads) thread(label string, pid int, start, end int64) {
	host := fmt.Sprintf("%08x", 0x51a0+len(t.w.servers))
	s := t.w.span(t.root, fmt.Sprintf("%s (host:%s | pid:%d)", label, host, pid), analyzer.SpanKindInternal, start, end, t.resource, sglangScope)
	s.Attributes = analyzer.Attributes{text("host_id", host), number("pid", int64(pid)), text("thread_label", label)}
	t.spans = append(t.spans, s)
	t.current, t.last = s.ID, -1
}

// slice adds a slice to the thread at hand and returns its place.
func (t *sglangThreads) slice(name string, start, end int64) int {
	s := t.w.span(t.current, name, analyzer.SpanKindInternal, start, end, t.resource, sglangScope)
	if t.last >= 0 {
		s.Links = []analyzer.Link{{TraceID: s.TraceID, SpanID: t.spans[t.last].ID, Flags: flagsLocal}}
	}
	t.spans = append(t.spans, s)
	t.last = len(t.spans) - 1
	return t.last
}
