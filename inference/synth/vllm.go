package synth

import (
	"fmt"
	"time"

	"github.com/slowtoken/slowtoken/analyzer"
)

// A vllmCall is one completion on its way through the chat service and vLLM. Times are nanoseconds since the Unix epoch.
type vllmCall struct {
	call     Call
	start    int64 // at the chat service
	arrival  int64 // at vLLM's front end
	ttft     int64 // nanoseconds from arrival to when the front end saw the first token
	e2e      int64 // nanoseconds from arrival to when the front end saw the last token
	finished int64 // when vLLM's span ends
	end      int64 // at the chat service

	id          string
	tenant      string
	maxTokens   int
	temperature float64
	aborted     bool // the client went away after a few tokens

	traceID               analyzer.TraceID
	appSpanID, vllmSpanID analyzer.SpanID
}

func newVLLMCall(r random, start int64) *vllmCall {
	v := &vllmCall{
		start:       start,
		arrival:     start + r.jitter(int64(1500*time.Microsecond), int64(4*time.Millisecond)),
		id:          r.requestID(),
		tenant:      recordingTenants[skewed(r, len(recordingTenants))],
		maxTokens:   512,
		temperature: []float64{0, 0.7, 1}[r.IntN(3)],
		aborted:     r.IntN(80) == 0,
		traceID:     r.traceID(),
		appSpanID:   r.spanID(),
		vllmSpanID:  r.spanID(),
	}
	v.call.Prompt = r.tokens(700, 0.7, 24, 7000)
	v.call.Output = r.tokens(110, 0.6, 4, v.maxTokens)
	if v.aborted {
		v.call.Output = 1 + r.IntN(20)
	}
	return v
}

// finish draws what follows the last token, once the engine is done with the call.
func (v *vllmCall) finish(r random) {
	// The front end sees a token when the engine process has sent it over.
	hop := r.jitter(int64(250*time.Microsecond), int64(900*time.Microsecond))
	v.ttft = v.call.FirstToken + hop - v.arrival
	v.e2e = v.call.LastToken + hop - v.arrival
	v.finished = v.arrival + v.e2e + r.jitter(int64(100*time.Microsecond), int64(1500*time.Microsecond))
	v.end = v.finished + r.jitter(int64(800*time.Microsecond), int64(3*time.Millisecond))
}

var (
	recordingTenants = []string{"checkout", "search", "support", "analytics", "internal-tools", "partner-api"}

	appResource = &analyzer.Resource{Attributes: analyzer.Attributes{
		text("telemetry.sdk.language", "python"),
		text("telemetry.sdk.name", "opentelemetry"),
		text("telemetry.sdk.version", "1.39.0"),
		text("service.name", "chat-api"),
		text("service.instance.id", "chat-api-7c9f5b6d4-x2x8k"),
		text("deployment.environment.name", "staging"),
	}}
	appScope = &analyzer.Scope{Name: "opentelemetry.instrumentation.fastapi", Version: "0.60b0"}

	vllmResource = &analyzer.Resource{Attributes: analyzer.Attributes{
		text("telemetry.sdk.language", "python"),
		text("telemetry.sdk.name", "opentelemetry"),
		text("telemetry.sdk.version", "1.39.0"),
		text("service.name", "vllm-llama-3.1-8b"),
		text("service.instance.id", "vllm-llama-3.1-8b-0"),
		text("deployment.environment.name", "staging"),
	}}
	vllmScope = &analyzer.Scope{Name: "vllm.llm_engine"}
)

// Flags as OpenTelemetry's Python SDK exports them: it is known whether the parent is remote, and whether it is.
const (
	flagsLocal  = 0x100
	flagsRemote = 0x300
)

func (v *vllmCall) appSpan() analyzer.Span {
	s := appSpan(v.traceID, v.appSpanID, v.start, v.end, v.tenant, 200)
	if v.aborted {
		s.Attributes = append(s.Attributes, text("error.type", "client_disconnected"))
		s.Status, s.StatusMessage = analyzer.StatusError, "client disconnected"
	}
	return s
}

// refusedSpan is the chat service's answer to a request that never reaches vLLM.
func refusedSpan(r random, start int64) analyzer.Span {
	tenant := recordingTenants[skewed(r, len(recordingTenants))]
	end := start + r.jitter(int64(time.Millisecond), int64(6*time.Millisecond))
	status := []int64{400, 422, 503}[r.IntN(3)]
	s := appSpan(r.traceID(), r.spanID(), start, end, tenant, status)
	if status >= 500 {
		s.Attributes = append(s.Attributes, text("error.type", fmt.Sprint(status)))
		s.Status = analyzer.StatusError
	}
	return s
}

func appSpan(trace analyzer.TraceID, id analyzer.SpanID, start, end int64, tenant string, status int64) analyzer.Span {
	return analyzer.Span{
		TraceID: trace, ID: id, Start: start, End: end, Flags: flagsLocal,
		Name: "POST /v1/chat/completions", Kind: analyzer.SpanKindServer, Resource: appResource, Scope: appScope,
		Attributes: analyzer.Attributes{
			text("http.request.method", "POST"),
			text("http.route", "/v1/chat/completions"),
			text("url.path", "/v1/chat/completions"),
			text("url.scheme", "http"),
			text("server.address", "chat-api"),
			number("server.port", 8080),
			text("network.protocol.version", "1.1"),
			text("user_agent.original", "openai-python/1.99.1"),
			number("http.response.status_code", status),
			text("tenant.id", tenant),
		},
	}
}

// engineSpan is vLLM's span of a finished request. It starts when the front end took the request in; the queue,
// prefill and decode times come from the engine process, and what they leave of the time to the first token is the
// front end's tokenizing and the hops between the two.
func (v *vllmCall) engineSpan() analyzer.Span {
	latency := func(name string, ns int64) analyzer.Attribute {
		return analyzer.Attribute{Key: "gen_ai.latency." + name, Value: analyzer.Double(seconds(ns))}
	}
	return analyzer.Span{
		TraceID: v.traceID, ID: v.vllmSpanID, Parent: v.appSpanID, Start: v.arrival, End: v.finished, Flags: flagsRemote,
		Name: "llm_request", Kind: analyzer.SpanKindServer, Resource: vllmResource, Scope: vllmScope,
		Attributes: analyzer.Attributes{
			latency("time_to_first_token", v.ttft),
			latency("e2e", v.e2e),
			latency("time_in_queue", v.call.Scheduled-v.call.Queued),
			number("gen_ai.usage.prompt_tokens", int64(v.call.Prompt)),
			number("gen_ai.usage.completion_tokens", int64(v.call.Output)),
			latency("time_in_model_prefill", v.call.FirstToken-v.call.Scheduled),
			latency("time_in_model_decode", v.call.LastToken-v.call.FirstToken),
			latency("time_in_model_inference", v.call.LastToken-v.call.Scheduled),
			text("gen_ai.request.id", v.id),
			{Key: "gen_ai.request.top_p", Value: analyzer.Double(0.95)},
			number("gen_ai.request.max_tokens", int64(v.maxTokens)),
			{Key: "gen_ai.request.temperature", Value: analyzer.Double(v.temperature)},
			number("gen_ai.request.n", 1),
		},
	}
}
