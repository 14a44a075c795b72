package ingest

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/slowtoken/slowtoken/analyzer"
)

// overLimits is a request of four spans, of which "many" has 5 attributes, "long" a value of 9 bytes, "deep" a value of 4
// levels and "fourth" nothing.
func overLimits() ptrace.Traces {
	td := spansNamed("many", "long", "deep", "fourth")
	spans := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans()
	for i := range 5 {
		spans.At(0).Attributes().PutInt(fmt.Sprint("key", i), int64(i))
	}
	spans.At(1).Attributes().PutStr("text", "12345äöü")
	list := spans.At(1).Attributes().PutEmptySlice("list")
	list.AppendEmpty().SetStr("123456789")
	spans.At(1).Attributes().PutEmptyBytes("bytes").FromRaw([]byte("123456789"))
	nest(spans.At(2).Attributes().PutEmpty("deep"), 4)
	return td
}

func TestRequestsAreHeldToLimits(t *testing.T) {
	for _, how := range []string{"grpc", "protobuf", "json"} {
		t.Run(how, func(t *testing.T) {
			sink := &memorySink{}
			s := startServer(t, ServerConfig{Limits: Limits{Spans: 3, Attributes: 3, ValueBytes: 6, Depth: 3}}, sink)
			response := ptraceotlp.NewExportResponse()
			var err error
			switch how {
			case "grpc":
				response, err = dial(t, s.Info().GRPC).Export(t.Context(), request(overLimits()))
			case "protobuf":
				answer := post(t, s, "/v1/traces", encode(t, overLimits(), false), contentProto, "")
				err = response.UnmarshalProto(answer.body)
			case "json":
				answer := post(t, s, "/v1/traces", encode(t, overLimits(), true), contentJSON, "")
				err = response.UnmarshalJSON(answer.body)
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := response.PartialSuccess().RejectedSpans(); got != 2 {
				t.Errorf("the sender hears of %d refused spans, want 2", got)
			}
			for _, part := range []string{
				"1 spans refused: request holds more than 3 spans", "1 spans refused: attribute value is nested deeper than 3 levels",
				"2 attributes dropped: more than 3 in one place", "3 values cut: longer than 6 bytes",
			} {
				if message := response.PartialSuccess().ErrorMessage(); !strings.Contains(message, part) {
					t.Errorf("the sender hears %q, which lacks %q", message, part)
				}
			}
			wantNames(t, sink, "long", "many")
			many, long := sink.spans[0], sink.spans[1]
			if len(many.Attributes) != 3 || many.DroppedAttributes != 2 {
				t.Errorf("kept %d attributes and says that %d were dropped, want 3 and 2", len(many.Attributes), many.DroppedAttributes)
			}
			if got := long.Attributes.Text("text"); got != "12345" {
				t.Errorf("a text is cut to %q, want it cut before the character that does not fit", got)
			}
			if v, _ := long.Attributes.Get("list"); len(v.List()) != 1 || !v.List()[0].Equal(analyzer.String("123456")) {
				t.Errorf("a text in a list is cut to %v", v)
			}
			if v, _ := long.Attributes.Get("bytes"); !v.Equal(analyzer.Bytes([]byte("123456"))) {
				t.Errorf("bytes are cut to %v", v)
			}
			wantMetric(t, s, `slowtoken_limited_total{limit="attributes"} 2`)
			wantMetric(t, s, `slowtoken_limited_total{limit="value_bytes"} 3`)
			wantMetric(t, s, `slowtoken_spans_refused_total{reason="request holds more than 3 spans"} 1`)
		})
	}
}

// TestCutsAreAWarning: a sender whose spans are all stored hears what was cut, with no span rejected.
func TestCutsAreAWarning(t *testing.T) {
	s := startServer(t, ServerConfig{Limits: Limits{ValueBytes: 6}}, &memorySink{})
	td := spansNamed("a")
	td.ResourceSpans().At(0).Resource().Attributes().PutStr("long", "1234567")
	response, err := dial(t, s.Info().GRPC).Export(t.Context(), request(td))
	if err != nil {
		t.Fatal(err)
	}
	if p := response.PartialSuccess(); p.RejectedSpans() != 0 || p.ErrorMessage() != "1 values cut: longer than 6 bytes" {
		t.Errorf("the sender hears of %d refused spans and %q", p.RejectedSpans(), p.ErrorMessage())
	}
}

// TestDefaultLimitsTakeWhatSDKsSend: nothing is refused or cut of spans as large as instrumentation makes them.
func TestDefaultLimitsTakeWhatSDKsSend(t *testing.T) {
	sink := &memorySink{}
	s := startServer(t, ServerConfig{}, sink)
	td := spansNamed("large")
	attributes := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes()
	for i := range 4000 { // llm.input_messages.N.message.content and its like
		attributes.PutStr(fmt.Sprintf("llm.input_messages.%d.message.content", i), "hello")
	}
	attributes.PutStr("gen_ai.input.messages", strings.Repeat("a", 4<<20))
	answer := post(t, s, "/v1/traces", encode(t, td, false), contentProto, "")
	response := ptraceotlp.NewExportResponse()
	if err := response.UnmarshalProto(answer.body); err != nil {
		t.Fatal(err)
	}
	if p := response.PartialSuccess(); answer.code != http.StatusOK || p.RejectedSpans() != 0 || p.ErrorMessage() != "" {
		t.Errorf("HTTP answers %d: %q", answer.code, answer.body)
	}
	wantNames(t, sink, "large")
	wantMetric(t, s, `slowtoken_limited_total{limit="value_bytes"} 0`)
}

func TestImpossibleLimitsAreRefused(t *testing.T) {
	for _, limits := range []Limits{{Spans: -1}, {Attributes: -1}, {ValueBytes: -1}, {Depth: MaxValueDepth + 1}} {
		if _, err := NewServer(ServerConfig{Limits: limits}, &memorySink{}, &memorySink{}); err == nil {
			t.Errorf("%+v: accepted", limits)
		}
	}
}

// TestGRPCMessagesOverTheSizeLimitAreCountedAndLogged: grpc-go refuses them before any of the server's own code runs.
func TestGRPCMessagesOverTheSizeLimitAreCountedAndLogged(t *testing.T) {
	var log bytes.Buffer // written to before the call is counted
	s := startServer(t, ServerConfig{Logger: slog.New(slog.NewTextHandler(&log, nil)), Receiver: map[string]any{"protocols": map[string]any{
		"grpc": map[string]any{"max_recv_msg_size_mib": 1},
	}}}, &memorySink{})
	td := spansNamed("large")
	td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes().PutEmptyBytes("b").FromRaw(make([]byte, 2<<20))
	if _, err := dial(t, s.Info().GRPC).Export(t.Context(), request(td)); err == nil {
		t.Fatal("2 MiB pass a limit of 1 MiB")
	}
	const counted = `slowtoken_messages_refused_total{reason="too_large",transport="grpc"} 1`
	for deadline := time.Now().Add(20 * time.Second); !strings.Contains(string(get(t, s, "/metrics").body), counted); {
		if time.Now().After(deadline) { // gRPC tells the server after it told the client
			t.Fatalf("/metrics never has %s", counted)
		}
	}
	if !strings.Contains(log.String(), "refused a message") || !strings.Contains(log.String(), "from=127.0.0.1:") || !strings.Contains(log.String(), "larger than max") {
		t.Errorf("the log says %q", log.String())
	}
}

func nestedValue(depth int) analyzer.Value {
	v := pcommon.NewValueEmpty()
	nest(v, depth)
	var slab attributeSlab
	return slab.value(v, 0)
}

func TestDepthCountsEveryLevel(t *testing.T) {
	for depth := range 6 {
		v := nestedValue(depth)
		l := limiter{Limits: Limits{Depth: 3}.withDefaults()}
		if got, want := l.value(&v, 1), depth <= 3; got != want {
			t.Errorf("%d levels: kept is %v, want %v", depth, got, want)
		}
	}
}
