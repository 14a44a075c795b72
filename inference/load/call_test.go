package load

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

// once sends a single request.
func once() Plan {
	return Plan{Loop: Closed, Users: 1, Think: time.Hour, Duration: 200 * time.Millisecond, Drain: 5 * time.Second, Sizes: []Size{{"s", 1, 32, 7}}, Seed: 1}
}

// The first chunk of an OpenAI stream has only a role: it is no token. The usage and [DONE] come after the last one: they
// end the answer, and are no tokens either. One message comes every 100 ns here, the question was sent at 900 ns.
func TestTimesAreThoseOfTokens(t *testing.T) {
	for name, test := range map[string]struct {
		stream []string
		want   map[string]float64
	}{
		"usage comes last": {openAIChat, map[string]float64{
			"TTFT": 1100 - 900, "TTFO": 1100 - 900, "E2E": 1200 - 900, "TTLB": 1500 - 900, "TPOT": 100 / 2., "NTPOT": 300 / 3., "ICL": 100, "ITL": -1,
		}},
		"a token a chunk, reasoning first": {
			sse(`{"message":{"thinking":"hm"}}`, `{"message":{"content":"a"}}`, `{"message":{"content":"b"}}`, `{"message":{"content":""},"done":true,"eval_count":3}`),
			map[string]float64{"TTFT": 100, "TTFO": 200, "E2E": 300, "TTLB": 600, "TPOT": 100, "NTPOT": 100, "ICL": 100, "ITL": 100},
		},
		"one token has no TPOT": {
			sse(`{"response":"a"}`, `{"done":true,"eval_count":1}`),
			map[string]float64{"TTFT": 100, "E2E": 100, "NTPOT": 100, "TPOT": -1, "ICL": -1, "ITL": -1},
		},
		"no tokens": {sse(`{"done":true,"eval_count":0}`), map[string]float64{"TTFT": -1, "E2E": -1, "NTPOT": -1, "TTLB": 600}},
	} {
		o := &outcome{sent: 900, streamed: true, input: -1, output: -1, ended: 1500}
		now := int64(900)
		for data, err := range events(strings.NewReader(strings.Join(test.stream, ""))) {
			if now += 100; err != nil || string(data) == "[DONE]" {
				break
			}
			if err := o.take(data, func() int64 { return now }); err != nil {
				t.Fatal(err)
			}
		}
		if !o.complete {
			t.Errorf("%s: the answer is not complete", name)
		}
		step := Step{Measures: measures([]*outcome{o}, false, false)}
		for measure, want := range test.want {
			m := step.measure(measure, FromSending)
			if want < 0 && (m.N != 0 || m.Undefined != 1) || want >= 0 && (m.N == 0 || m.Mean != want) {
				t.Errorf("%s: %s is %v of %d, want %v", name, measure, m.Mean, m.N, want)
			}
		}
	}
}

func TestQuestionsAreSpelledForTheirAPI(t *testing.T) {
	whole := `{"model":"m","response":"a","message":{"content":"a"},"done":true,"eval_count":1,"prompt_eval_count":1,
		"choices":[{"text":"a","message":{"content":"a"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1}}`
	for _, api := range apis {
		server := newFakeServer(t, "application/json", whole)
		header := http.Header{"X-Slowtoken-Tenant": {"a"}}
		r := run(t, Config{Target: Target{URL: at(t, server.URL, "/proxy"+api.path), Model: "m", Header: header}, Plan: once()})
		s := &r.Steps[0]
		if s.Succeeded != 1 || s.measure("TTFT", FromSending).N != 0 || s.measure("E2E", FromSending).N != 1 {
			t.Errorf("%s: %+v", api.name, s)
		}
		var asked struct {
			Model     string
			Stream    *bool
			Prompt    string
			Messages  []struct{ Content string }
			MaxTokens int `json:"max_tokens"`
			Options   map[string]int
			Usage     any `json:"stream_options"`
		}
		if err := json.Unmarshal([]byte(server.bodies[0]), &asked); err != nil {
			t.Fatal(err)
		}
		prompt := asked.Prompt
		if len(asked.Messages) == 1 {
			prompt = asked.Messages[0].Content
		}
		if asked.Model != "m" || asked.Stream == nil || *asked.Stream || len(prompt) != 32*bytesPerToken || asked.MaxTokens+asked.Options["num_predict"] != 7 || asked.Usage != nil {
			t.Errorf("%s asks %s", api.name, server.bodies[0])
		}
		if server.heads[0].Get("X-Slowtoken-Tenant") != "a" || server.heads[0].Get("Traceparent") != "" {
			t.Errorf("%s sends the header %v", api.name, server.heads[0])
		}
	}
}

func TestErrorsHaveTheirKinds(t *testing.T) {
	slow := func(int) { time.Sleep(300 * time.Millisecond) }
	for name, test := range map[string]struct {
		kind     string
		status   int
		messages []string
		before   func(int)
		want     string
		example  string
	}{
		"refused":        {status: 429, messages: []string{`{"error":"come back later"}`}, want: "429", example: "come back later"},
		"redirected":     {status: 307, want: "307"},
		"cut":            {kind: "text/event-stream", messages: openAIChat[:2], want: errorIncomplete},
		"broken":         {kind: "text/event-stream", messages: sse(`{"choices":`), want: errorProtocol, example: "no JSON"},
		"failed midway":  {kind: "application/x-ndjson", messages: []string{"{\"response\":\"a\"}\n", "{\"error\":\"out of memory\"}\n"}, want: errorServer, example: "out of memory"},
		"never answered": {kind: "text/event-stream", messages: openAIChat, before: slow, want: errorTimeout},
		"no answer":      {kind: "application/json", want: errorProtocol},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := newFakeServer(t, test.kind, test.messages...)
			server.status, server.before = test.status, test.before
			r := run(t, Config{Target: Target{URL: at(t, server.URL, "/api/generate"), Model: "m", Stream: true}, Plan: once(), Timeout: 100 * time.Millisecond})
			s := &r.Steps[0]
			if s.Failed < 1 || s.Succeeded != 0 || len(s.Errors) != 1 || s.Errors[0].Kind != test.want || !strings.Contains(s.Errors[0].Example, test.example) {
				t.Errorf("%d failed: %+v; want %s", s.Failed, s.Errors, test.want)
			}
		})
	}
	gone := newFakeServer(t, "")
	gone.Close()
	r := run(t, Config{Target: Target{URL: at(t, gone.URL, "/api/chat"), Model: "m"}, Plan: once()})
	if e := r.Steps[0].Errors; len(e) != 1 || e[0].Kind != errorRefused {
		t.Errorf("nobody listens: %+v", e)
	}
}

// The server is sent the context of the client's span, which says what the conventions want.
func TestSpansFollowTheConventions(t *testing.T) {
	server := newFakeServer(t, "text/event-stream", openAIChat...)
	recorder := tracetest.NewSpanRecorder()
	r := run(t, Config{
		Target: Target{URL: at(t, server.URL, "/v1/chat/completions"), Model: "m", Stream: true}, Plan: once(),
		Tracer: sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder)).Tracer("test"), Propagator: propagation.TraceContext{},
	})
	if len(recorder.Ended()) != 1 {
		t.Fatalf("%d spans", len(recorder.Ended()))
	}
	span := recorder.Ended()[0]
	if want := fmt.Sprintf("00-%s-%s-01", span.SpanContext().TraceID(), span.SpanContext().SpanID()); server.heads[0].Get("traceparent") != want {
		t.Errorf("the server was sent %q, want %q", server.heads[0].Get("traceparent"), want)
	}
	got := map[string]string{}
	for _, a := range span.Attributes() {
		got[string(a.Key)] = a.Value.String()
	}
	for key, want := range map[string]string{
		"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "m", "gen_ai.response.model": "served",
		"gen_ai.request.max_tokens": "7", "gen_ai.usage.input_tokens": "9", "gen_ai.usage.output_tokens": "3", "gen_ai.response.id": "c1",
		"server.address": "127.0.0.1", "http.response.status_code": "200", "slowtoken.load.run": r.Run,
	} {
		if got[key] != want {
			t.Errorf("%s is %q, want %q", key, got[key], want)
		}
	}
	if span.SpanKind().String() != "client" || span.Name() != "chat m" || len(span.Events()) != 2 || got["gen_ai.response.time_to_first_chunk"] == "" {
		t.Errorf("%s span %q with %d events: %v", span.SpanKind(), span.Name(), len(span.Events()), got)
	}
	e2e := r.Steps[0].measure("TTLB", FromSending).Mean
	if d := float64(span.EndTime().Sub(span.StartTime())); d != e2e {
		t.Errorf("the span lasts %v, the request %v", d, e2e)
	}
}
