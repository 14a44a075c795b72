package synth

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/slowtoken/slowtoken/analyzer"
)

func TestRecordingIsShapedLikeVLLMBehindAService(t *testing.T) {
	batches := Recording(DemoRecording)
	app := map[analyzer.SpanID]analyzer.Span{}
	var engine []analyzer.Span
	for _, batch := range batches {
		for _, s := range batch {
			if s.Resource != batch[0].Resource {
				t.Fatalf("a batch mixes %s and %s", s.Service(), batch[0].Service())
			}
			if s.Service() == "chat-api" {
				app[s.ID] = s
			} else {
				engine = append(engine, s)
			}
		}
	}
	if len(engine) < 250 || len(engine) > 400 {
		t.Errorf("%d requests were served, want about 300", len(engine))
	}
	if without := len(app) - len(engine); without < 4 || without > 30 {
		t.Errorf("%d requests have no engine span, want a few", without)
	}
	for _, s := range engine {
		parent, ok := app[s.Parent]
		if !ok || s.TraceID != parent.TraceID || s.Start < parent.Start || s.End > parent.End {
			t.Fatalf("llm_request %s is not inside a span of the chat service", s.ID)
		}
		latency := func(name string) float64 {
			v, ok := s.Attributes.Number("gen_ai.latency." + name)
			if !ok || v < 0 {
				t.Fatalf("llm_request %s has no %s", s.ID, name)
			}
			return v
		}
		queue, prefill, decode := latency("time_in_queue"), latency("time_in_model_prefill"), latency("time_in_model_decode")
		ttft, e2e, inference := latency("time_to_first_token"), latency("e2e"), latency("time_in_model_inference")
		duration := seconds(s.Duration())
		if math.Abs(prefill+decode-inference) > 1e-9 || queue+prefill > ttft || ttft+decode > e2e+1e-9 || e2e > duration {
			t.Fatalf("llm_request %s: queue %v + prefill %v, ttft %v, decode %v, e2e %v, span %v do not fit in each other",
				s.ID, queue, prefill, ttft, decode, e2e, duration)
		}
	}
}

// The slowest twentieth of the requests is slow because it waited: that is what the demo is about.
func TestRecordingTailIsQueueing(t *testing.T) {
	type request struct{ e2e, queue float64 }
	var requests []request
	for _, batch := range Recording(DemoRecording) {
		for _, s := range batch {
			if s.Name == "llm_request" {
				queue, _ := s.Attributes.Number("gen_ai.latency.time_in_queue")
				requests = append(requests, request{seconds(s.Duration()), queue})
			}
		}
	}
	slices.SortFunc(requests, func(a, b request) int { return int(math.Copysign(1, a.e2e-b.e2e)) })
	share := func(part []request) float64 {
		var queue, e2e float64
		for _, r := range part {
			queue, e2e = queue+r.queue, e2e+r.e2e
		}
		return queue / e2e
	}
	n := len(requests)
	body, tail := share(requests[:n/2]), share(requests[n-n/20:])
	t.Logf("%d requests; E2E p50 %.2f s, p95 %.2f s; queue is %.0f %% of the body, %.0f %% of the tail",
		n, requests[n/2].e2e, requests[n-n/20].e2e, 100*body, 100*tail)
	if body > 0.1 || tail < 0.5 {
		t.Errorf("queueing is %.2f of the body's time and %.2f of the tail's, want under 0.1 and over 0.5", body, tail)
	}
}

func TestRecordingIsReproducible(t *testing.T) {
	first, second := Recording(DemoRecording), Recording(DemoRecording)
	same := slices.EqualFunc(first, second, func(a, b Batch) bool {
		return slices.EqualFunc(a, b, func(x, y analyzer.Span) bool { return x.Equal(&y) })
	})
	if !same {
		t.Error("the same options gave different recordings")
	}
}

func TestRecordingLastsThreeMinutes(t *testing.T) {
	first, last := int64(math.MaxInt64), int64(0)
	for _, batch := range Recording(DemoRecording) {
		for _, s := range batch {
			first, last = min(first, s.Start), max(last, s.End)
		}
	}
	if d := time.Duration(last - first); d < 170*time.Second || d > 200*time.Second {
		t.Errorf("the recording lasts %v, want about three minutes", d)
	}
}
