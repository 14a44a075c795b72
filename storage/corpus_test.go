package storage

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"

	"github.com/slowtoken/slowtoken/analyzer"
)

// A corpus generates LLM-shaped traces of 8 spans with 12 attributes each: an HTTP server span, a gateway, the engine's
// request span with the attributes that vLLM states, and one span for each of five phases. The same seed gives the same
// spans.
type corpus struct {
	rng      *rand.Rand
	services []*analyzer.Resource
	scope    *analyzer.Scope
	traces   int
	start    int64 // of the first trace
}

const corpusStart = 1_700_000_000_000_000_000

func newCorpus(seed uint64) *corpus {
	c := &corpus{rng: rand.New(rand.NewPCG(seed, 1)), start: corpusStart, scope: &analyzer.Scope{Name: "vllm.llm_engine", Version: "0.9.2"}}
	for i := range 4 {
		c.services = append(c.services, &analyzer.Resource{Attributes: analyzer.Attributes{
			{Key: "service.name", Value: analyzer.String([]string{"gateway", "vllm"}[i%2])},
			{Key: "service.instance.id", Value: analyzer.String(fmt.Sprintf("pod-%d", i))},
			{Key: "process.pid", Value: analyzer.Int(int64(100 + i))},
		}})
	}
	return c
}

// spans returns n/8 traces.
func (c *corpus) spans(n int) []analyzer.Span {
	spans := make([]analyzer.Span, 0, n)
	for len(spans) < n {
		spans = c.trace(spans)
	}
	return spans
}

var corpusPhases = []string{"queue", "tokenize", "gpu_transfer", "prefill", "decode"}

func (c *corpus) trace(spans []analyzer.Span) []analyzer.Span {
	var id analyzer.TraceID
	binary.BigEndian.PutUint64(id[:8], c.rng.Uint64())
	binary.BigEndian.PutUint64(id[8:], c.rng.Uint64())
	start := c.start + int64(c.traces)*int64(10e6)
	c.traces++
	var parent analyzer.SpanID
	for i := range 8 {
		s := analyzer.Span{
			TraceID: id, Parent: parent, Start: start + int64(i)*1e6, End: start + int64(i)*1e6 + 1e6 + c.rng.Int64N(1e9),
			Kind: analyzer.SpanKindInternal, Resource: c.services[c.rng.IntN(4)], Scope: c.scope, Flags: 0x101,
		}
		binary.BigEndian.PutUint64(s.ID[:], c.rng.Uint64())
		switch i {
		case 0:
			s.Name, s.Kind = "POST /v1/chat/completions", analyzer.SpanKindServer
			s.Attributes = c.http()
		case 1:
			s.Name = "gateway.route"
			s.Attributes = c.common(12)
		case 2:
			s.Name, s.Kind = "llm_request", analyzer.SpanKindServer
			s.Attributes = c.vllm()
		default:
			s.Name = "engine." + corpusPhases[i-3]
			s.Attributes = append(analyzer.Attributes{{Key: "slowtoken.phase", Value: analyzer.String(corpusPhases[i-3])}}, c.common(11)...)
		}
		if i < 3 {
			parent = s.ID
		}
		spans = append(spans, s)
	}
	return spans
}

func (c *corpus) http() analyzer.Attributes {
	return append(analyzer.Attributes{
		{Key: "http.request.method", Value: analyzer.String("POST")},
		{Key: "http.route", Value: analyzer.String("/v1/chat/completions")},
		{Key: "http.response.status_code", Value: analyzer.Int(200)},
		{Key: "client.address", Value: analyzer.String(fmt.Sprintf("10.0.%d.%d", c.rng.IntN(4), c.rng.IntN(250)))},
		{Key: "user_agent.original", Value: analyzer.String("OpenAI/Python 1.99.1")},
	}, c.common(7)...)
}

func (c *corpus) vllm() analyzer.Attributes {
	in, out := 50+c.rng.Int64N(4000), 1+c.rng.Int64N(500)
	queue, prefill, decode := c.rng.Float64()/10, float64(in)/1e4, float64(out)/40
	return analyzer.Attributes{
		{Key: "gen_ai.response.model", Value: analyzer.String("llama-3.1-8b")},
		{Key: "gen_ai.request.id", Value: analyzer.String(fmt.Sprintf("chatcmpl-%016x", c.rng.Uint64()))},
		{Key: "gen_ai.request.max_tokens", Value: analyzer.Int(1024)},
		{Key: "gen_ai.request.n", Value: analyzer.Int(1)},
		{Key: "gen_ai.request.temperature", Value: analyzer.Double(0.7)},
		{Key: "gen_ai.usage.prompt_tokens", Value: analyzer.Int(in)},
		{Key: "gen_ai.usage.completion_tokens", Value: analyzer.Int(out)},
		{Key: "gen_ai.latency.time_to_first_token", Value: analyzer.Double(queue + prefill)},
		{Key: "gen_ai.latency.e2e", Value: analyzer.Double(queue + prefill + decode)},
		{Key: "gen_ai.latency.time_in_queue", Value: analyzer.Double(queue)},
		{Key: "gen_ai.latency.time_in_model_prefill", Value: analyzer.Double(prefill)},
		{Key: "gen_ai.latency.time_in_model_decode", Value: analyzer.Double(decode)},
	}
}

func (c *corpus) common(n int) analyzer.Attributes {
	return analyzer.Attributes{
		{Key: "server.address", Value: analyzer.String("llm.internal.example.com")},
		{Key: "server.port", Value: analyzer.Int(8000)},
		{Key: "thread.id", Value: analyzer.Int(c.rng.Int64N(64))},
		{Key: "thread.name", Value: analyzer.String(fmt.Sprintf("worker-%d", c.rng.IntN(16)))},
		{Key: "code.function.name", Value: analyzer.String("vllm.engine.step")},
		{Key: "tenant", Value: analyzer.String(fmt.Sprintf("tenant-%03d", c.rng.IntN(200)))},
		{Key: "batch.size", Value: analyzer.Int(c.rng.Int64N(128))},
		{Key: "kv.usage", Value: analyzer.Double(float64(c.rng.IntN(1000)) / 1000)},
		{Key: "gpu.index", Value: analyzer.Int(c.rng.Int64N(8))},
		{Key: "cache.hit", Value: analyzer.Bool(c.rng.IntN(2) == 0)},
		{Key: "deployment.environment.name", Value: analyzer.String("production")},
		{Key: "feature.flag", Value: analyzer.String("control")},
	}[:n]
}
