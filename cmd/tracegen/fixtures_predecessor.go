package main

import (
	"math/rand/v2"
	"time"

	"github.com/slowtoken/slowtoken/analyzer"
)

// The predecessor's service, as its published reports and source describe it: FastAPI, one process, and a synchronous
// generate inside an asynchronous handler, so that one request at a time has the event loop. Mean service 3.3 s, 25
// requests in two minutes. Source: https://github.com/arec1b0/llm-latency-bottleneck-analysis, src/api/main.py and
// src/inference/engine.py at faa18868.
const (
	predecessorUsers    = 3 // that send their next request some time after they have their answer
	predecessorRequests = 120
	predecessorService  = 3.3e9
	predecessorThink    = 4.5e9
	predecessorScrape   = int64(15 * time.Second)
)

// predecessor writes what that service's tracing says of a few users, and of a monitor that reads /metrics meanwhile: its
// request is read at once if the loop is free, and its answer is sent when the loop is free again.
func predecessor() (spans []analyzer.Span) {
	r := rand.New(rand.NewPCG(7, 7))
	start := time.Date(2026, 1, 15, 9, 0, 0, 0, time.UTC).UnixNano()
	resource := &analyzer.Resource{Attributes: analyzer.Attributes{
		{Key: "service.name", Value: analyzer.String("llm-inference-api")}, {Key: "service.version", Value: analyzer.String("1.0.0")},
	}}
	web := &analyzer.Scope{Name: "opentelemetry.instrumentation.fastapi", Version: "0.43b0"}
	engine := &analyzer.Scope{Name: "src.inference.engine"}
	due := make([]int64, predecessorUsers)
	for u := range due {
		due[u] = start + int64(r.ExpFloat64()*predecessorThink)
	}
	scrape, free := start+predecessorScrape/3, start
	n := 0
	span := func(id int, parent analyzer.SpanID, name string, kind analyzer.SpanKind, from, to int64, scope *analyzer.Scope, attributes ...analyzer.Attribute) analyzer.Span {
		return analyzer.Span{
			TraceID: gatewayTrace(n), ID: gatewaySpan(n, id), Parent: parent, Name: name, Kind: kind, Start: from, End: to, Resource: resource, Scope: scope,
			Attributes: attributes,
		}
	}
	request := func(method, route string) []analyzer.Attribute {
		return []analyzer.Attribute{
			{Key: "http.method", Value: analyzer.String(method)}, {Key: "http.route", Value: analyzer.String(route)},
			{Key: "http.scheme", Value: analyzer.String("http")}, {Key: "http.status_code", Value: analyzer.Int(200)},
		}
	}
	// visits writes the monitor's reads that come before a time; busy is what they run into.
	visits := func(until, busyFrom, busyTo int64) {
		for ; scrape < until; scrape += predecessorScrape {
			n++
			read := scrape + 1_200_000
			sent := read + 900_000 + int64(r.Float64()*600_000)
			if scrape >= busyFrom-predecessorScrape/30 && scrape < busyTo {
				sent = busyTo + 1_500_000 // the metrics are gathered in a thread; the loop is not free to send them before
			}
			root := span(0, analyzer.SpanID{}, "GET /metrics", analyzer.SpanKindServer, scrape, sent, web, request("GET", "/metrics")...)
			spans = append(spans, root, span(1, root.ID, "GET /metrics http send", analyzer.SpanKindInternal, read, sent, web,
				analyzer.Attribute{Key: "type", Value: analyzer.String("http.response.start")}))
		}
	}
	for range predecessorRequests {
		user := 0
		for u := range due {
			if due[u] < due[user] {
				user = u
			}
		}
		arrived := due[user]
		begin := max(arrived, free) + 2_000_000
		prompt, output := 40+r.IntN(160), 60+r.IntN(80)
		took := int64(predecessorService * float64(output) / 100 * (0.95 + 0.1*r.Float64()))
		tokenized := begin + 3_000_000 + int64(prompt)*10_000
		generated := begin + took
		end := generated + 4_000_000
		visits(end, begin, end)
		n++
		root := span(0, analyzer.SpanID{}, "POST /generate", analyzer.SpanKindServer, arrived, end+3_000_000, web, request("POST", "/generate")...)
		generate := span(2, root.ID, "generate", analyzer.SpanKindInternal, begin, end, engine,
			analyzer.Attribute{Key: "prompt.length", Value: analyzer.Int(int64(4 * prompt))},
			analyzer.Attribute{Key: "prompt.tokens", Value: analyzer.Int(int64(prompt))},
			analyzer.Attribute{Key: "generation.max_new_tokens", Value: analyzer.Int(150)},
			analyzer.Attribute{Key: "generation.temperature", Value: analyzer.Double(0.7)},
			analyzer.Attribute{Key: "generation.completion_tokens", Value: analyzer.Int(int64(output))},
			analyzer.Attribute{Key: "generation.total_tokens", Value: analyzer.Int(int64(prompt + output))},
			analyzer.Attribute{Key: "metrics.ttft", Value: analyzer.Double(float64(end-begin) / 1e9)},
			analyzer.Attribute{Key: "metrics.tpot", Value: analyzer.Double(0)})
		spans = append(spans, root,
			span(1, root.ID, "POST /generate http receive", analyzer.SpanKindInternal, arrived+200_000, arrived+300_000, web,
				analyzer.Attribute{Key: "type", Value: analyzer.String("http.request")}),
			generate,
			span(3, generate.ID, "tokenize_input", analyzer.SpanKindInternal, begin, tokenized, engine),
			span(4, generate.ID, "model_generate", analyzer.SpanKindInternal, tokenized, generated, engine),
			span(5, generate.ID, "decode_output", analyzer.SpanKindInternal, generated, end-1_000_000, engine),
			span(6, root.ID, "POST /generate http send", analyzer.SpanKindInternal, end+1_000_000, end+2_500_000, web,
				analyzer.Attribute{Key: "type", Value: analyzer.String("http.response.start")}))
		free = end
		due[user] = end + int64(r.ExpFloat64()*predecessorThink)
	}
	return spans
}
