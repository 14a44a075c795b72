package synth

import (
	"math"
	"time"

	"github.com/slowtoken/slowtoken/analyzer"
)

// A chat is one chat completion on its way through the gateway and a server instance. Times are nanoseconds since the
// Unix epoch.
type chat struct {
	member   *fleetMember
	call     Call
	start    int64 // at the gateway
	received int64 // at the server
	tokenize int64 // when the tokenizer begins; it is done at call.Queued
	copied   int64 // when the prompt's tokens are on the device
	streamed int64 // when the server has sent its last byte
	answered int64 // when the server is done
	end      int64 // at the gateway

	id             string
	tenant, client string
	promptBytes    int
	maxTokens      int
	temperature    float64
	streaming      bool
	failed         bool

	traceID analyzer.TraceID
	spanIDs [SpansPerTrace]analyzer.SpanID
}

// newChat draws all of a chat that does not depend on the server's load.
func (m *fleetMember) newChat(start int64) *chat {
	r := m.random
	c := &chat{
		member:      m,
		start:       start,
		received:    start + r.jitter(int64(300*time.Microsecond), int64(1200*time.Microsecond)),
		id:          r.requestID(),
		tenant:      m.tenants[skewed(r, len(m.tenants))],
		client:      m.clients[r.IntN(len(m.clients))],
		temperature: []float64{0, 0.2, 0.7, 1}[r.IntN(4)],
		streaming:   r.IntN(10) < 8,
		failed:      r.IntN(250) == 0,
		traceID:     r.traceID(),
	}
	c.call.Prompt = r.tokens(420, 0.9, 8, 6000)
	c.call.Output = r.tokens(90, 0.7, 2, 1024)
	c.maxTokens = 64
	for c.maxTokens < c.call.Output {
		c.maxTokens *= 2
	}
	c.promptBytes = c.call.Prompt*4 + r.IntN(4)
	for i := range c.spanIDs {
		c.spanIDs[i] = r.spanID()
	}
	return c
}

// skewed draws an index below n; low ones come far more often, as the largest tenants do.
func skewed(r random, n int) int { return int(float64(n) * math.Pow(r.Float64(), 3)) }

// finish draws what follows the last token, once the engine is done with the call.
func (c *chat) finish(r random) {
	c.copied = c.call.Scheduled + int64(200*time.Microsecond) + int64(c.call.Prompt)*40
	c.streamed = c.call.LastToken + r.jitter(int64(150*time.Microsecond), int64(900*time.Microsecond))
	c.answered = c.streamed + r.jitter(int64(20*time.Microsecond), int64(120*time.Microsecond))
	c.end = c.answered + r.jitter(int64(200*time.Microsecond), int64(900*time.Microsecond))
}

var (
	gatewayScope = &analyzer.Scope{Name: "go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp", Version: "0.70.0"}
	serverScope  = &analyzer.Scope{Name: "llmserver.engine", Version: "2.3.1"}
)

// spans dresses a finished chat as its trace, parents first.
func (c *chat) spans() []analyzer.Span {
	spans := make([]analyzer.Span, 0, SpansPerTrace)
	add := func(name string, kind analyzer.SpanKind, parent analyzer.SpanID, start, end int64, attributes ...analyzer.Attribute) *analyzer.Span {
		spans = append(spans, analyzer.Span{
			TraceID: c.traceID, ID: c.spanIDs[len(spans)], Parent: parent, Name: name, Kind: kind,
			Start: start, End: end, Flags: flagsLocal,
			Attributes: attributes, Resource: c.member.server, Scope: serverScope,
		})
		return &spans[len(spans)-1]
	}
	gateway := add("POST /v1/chat/completions", analyzer.SpanKindServer, analyzer.SpanID{}, c.start, c.end, c.gatewayAttributes()...)
	gateway.Resource, gateway.Scope = c.member.gateway, gatewayScope
	server := add("chat "+c.member.model, analyzer.SpanKindServer, gateway.ID, c.received, c.answered, c.serverAttributes()...)
	server.Flags = flagsRemote
	if c.failed {
		gateway.Status = analyzer.StatusError
		server.Status, server.StatusMessage = analyzer.StatusError, "engine returned a malformed tool call"
	}
	phase := func(name string, start, end int64, attributes ...analyzer.Attribute) *analyzer.Span {
		return add(name, analyzer.SpanKindInternal, server.ID, start, end, c.phaseAttributes(name, attributes)...)
	}
	prompt, output := int64(c.call.Prompt), int64(c.call.Output)
	phase("tokenize", c.tokenize, c.call.Queued,
		text("tokenizer.name", "fast-bpe"), number("tokenizer.prompt_bytes", int64(c.promptBytes)),
		number("tokenizer.prompt_tokens", prompt), number("tokenizer.special_tokens", 3), flag("tokenizer.truncated", false))
	phase("queue", c.call.Queued, c.call.Scheduled,
		text("slowtoken.detail", "capacity"), number("scheduler.waiting_ahead", int64(c.call.Waiting)),
		text("scheduler.policy", "fcfs"), number("scheduler.priority", 0), number("scheduler.slots", int64(corpusEngine.Slots)))
	phase("gpu_transfer", c.call.Scheduled, c.copied,
		text("slowtoken.detail", "h2d"), number("transfer.bytes", prompt*8), flag("transfer.pinned", true),
		number("gpu.index", 0), text("transfer.engine", "copy0"))
	phase("prefill", c.copied, c.call.FirstToken,
		number("prefill.tokens", prompt), number("prefill.chunks", 1), number("kv.blocks", (prompt+15)/16),
		number("gpu.index", 0), text("attention.backend", "flash"))
	decode := phase("decode", c.call.FirstToken, c.call.LastToken,
		number("decode.tokens", output), number("decode.steps", output-1), number("kv.blocks", (prompt+output+15)/16),
		number("gpu.index", 0), text("attention.backend", "flash"))
	decode.Events = []analyzer.Event{{Time: c.call.FirstToken, Name: "first_token"}}
	phase("stream", c.call.LastToken, c.streamed,
		number("stream.chunks", output), number("stream.bytes", output*187), text("stream.format", "sse"),
		text("network.transport", "tcp"), flag("stream.client_gone", false))
	return spans
}

func (c *chat) gatewayAttributes() analyzer.Attributes {
	status := int64(200)
	if c.failed {
		status = 500
	}
	return analyzer.Attributes{
		text("http.request.method", "POST"),
		text("http.route", "/v1/chat/completions"),
		text("url.path", "/v1/chat/completions"),
		text("url.scheme", "https"),
		number("http.response.status_code", status),
		text("server.address", "llm.example.com"),
		number("server.port", 443),
		text("client.address", c.client),
		text("user_agent.original", "openai-python/1.99.1"),
		text("network.protocol.version", "1.1"),
		text("tenant.id", c.tenant),
		number("http.request.body.size", int64(c.promptBytes)+211),
	}
}

func (c *chat) serverAttributes() analyzer.Attributes {
	last := text("gen_ai.response.finish_reason", "stop")
	switch {
	case c.failed:
		last = text("error.type", "tool_call_error")
	case c.call.Output == c.maxTokens:
		last = text("gen_ai.response.finish_reason", "length")
	}
	// Nobody sees the first token of an answer that is sent as a whole.
	response := text("gen_ai.response.id", c.id)
	if c.streaming {
		response = analyzer.Attribute{Key: "gen_ai.server.time_to_first_token", Value: analyzer.Double(seconds(c.call.FirstToken - c.received))}
	}
	return analyzer.Attributes{
		text("gen_ai.operation.name", "chat"),
		text("gen_ai.provider.name", "llmserver"),
		text("gen_ai.request.model", c.member.model),
		text("gen_ai.response.model", c.member.model),
		text("gen_ai.request.id", c.id),
		flag("gen_ai.request.stream", c.streaming),
		number("gen_ai.request.max_tokens", int64(c.maxTokens)),
		{Key: "gen_ai.request.temperature", Value: analyzer.Double(c.temperature)},
		number("gen_ai.usage.input_tokens", int64(c.call.Prompt)),
		number("gen_ai.usage.output_tokens", int64(c.call.Output)),
		response,
		last,
	}
}

// phaseAttributes returns what every phase span says, with its own five attributes behind it.
func (c *chat) phaseAttributes(phase string, own []analyzer.Attribute) analyzer.Attributes {
	return append(analyzer.Attributes{
		text("slowtoken.phase", phase),
		text("request.id", c.id),
		text("tenant.id", c.tenant),
		text("model.name", c.member.model),
		number("engine.running", int64(c.call.Running)),
		number("engine.waiting", int64(c.call.Waiting)),
		text("thread.name", "engine-core"),
	}, own...)
}

func text(key, value string) analyzer.Attribute {
	return analyzer.Attribute{Key: key, Value: analyzer.String(value)}
}

func number(key string, value int64) analyzer.Attribute {
	return analyzer.Attribute{Key: key, Value: analyzer.Int(value)}
}

func flag(key string, value bool) analyzer.Attribute {
	return analyzer.Attribute{Key: key, Value: analyzer.Bool(value)}
}

func seconds(ns int64) float64 { return float64(ns) / 1e9 }
