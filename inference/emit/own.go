package emit

import (
	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/inference/sim"
)

var ownScope = &analyzer.Scope{Name: "slowtoken.sim"}

// own has a span for every stretch of the truth. What is read from it is a round trip, and proves nothing but that.
var own = Dialect{
	Name: "slowtoken", Doc: "spans that name their phase (slowtoken.phase), one for every stretch of a request's time. Nothing is lost.",
	request: func(w *writer, r *sim.Request) []analyzer.Span {
		resource := w.servers[r.Replica]
		root := w.span(analyzer.SpanID{}, "chat "+w.served(), analyzer.SpanKindServer, r.Due, r.ClientEnd, resource, ownScope)
		root.Attributes = analyzer.Attributes{
			text("gen_ai.operation.name", "chat"), text("gen_ai.request.model", w.served()),
			{Key: "gen_ai.request.stream", Value: analyzer.Bool(!r.Whole)},
			number("gen_ai.usage.input_tokens", int64(r.Prompt)), number("gen_ai.usage.output_tokens", int64(r.Output)),
			number("gen_ai.usage.cache_read.input_tokens", int64(r.Cached)),
		}
		if r.Refused {
			root.Status = analyzer.StatusError
			root.Attributes = append(root.Attributes, text("error.type", "400"))
		} else if !r.Whole {
			root.Attributes = append(root.Attributes, seconds("gen_ai.response.time_to_first_chunk", r.First.Detokenized-r.Due))
		}
		spans := []analyzer.Span{root}
		for _, stretch := range r.Ledger() {
			s := w.span(root.ID, stretch.Phase.String(), analyzer.SpanKindInternal, stretch.Start, stretch.End, resource, ownScope)
			s.Attributes = analyzer.Attributes{text("slowtoken.phase", stretch.Phase.String())}
			if stretch.Detail != "" {
				s.Attributes = append(s.Attributes, text("slowtoken.detail", stretch.Detail))
			}
			spans = append(spans, s)
		}
		return spans
	},
	metrics: vllm.metrics,
}
