package ingest

import (
	"testing"

	"github.com/slowtoken/slowtoken/analyzer"
)

func TestDropContentTakesTextAndLeavesTelemetry(t *testing.T) {
	for key, gone := range map[string]bool{
		"gen_ai.prompt":                    true,
		"gen_ai.prompt.0.content":          true,
		"gen_ai.input.messages":            true,
		"gen_ai.system_instructions":       true,
		"gen_ai.tool.call.arguments":       true,
		"llm.input_messages.0.message":     true,
		"input.value":                      true,
		"traceloop.entity.output":          true,
		"ai.response.text":                 true,
		"langfuse.observation.input":       true,
		"gen_ai.usage.prompt_tokens":       false,
		"gen_ai.usage.input_tokens":        false,
		"gen_ai.request.model":             false,
		"gen_ai.response.id":               false,
		"llm.token_count.prompt":           false,
		"llm.model_name":                   false,
		"ai.response.msToFirstChunk":       false,
		"ai.usage.promptTokens":            false,
		"input.mime_type":                  false,
		"traceloop.span.kind":              false,
		"langfuse.observation.type":        false,
		"gen_ai.latency.time_in_queue":     false,
		"openinference.span.kind":          false,
		"gen_ai.promptness":                false,
		"slowtoken.truth.prompt.tokenized": false,
	} {
		attributes := func() analyzer.Attributes {
			return analyzer.Attributes{{Key: "before", Value: analyzer.Int(1)}, {Key: key, Value: analyzer.String("x")}, {Key: "after", Value: analyzer.Int(2)}}
		}
		spans := []analyzer.Span{{
			Attributes: attributes(),
			Events:     []analyzer.Event{{Name: "first token", Attributes: attributes()}, {Name: "gen_ai.choice", Attributes: attributes()}},
			Links:      []analyzer.Link{{Attributes: attributes()}},
		}}
		dropped := DropContent(spans)
		want, wantCount := 3, 0
		if gone {
			want, wantCount = 2, 3
		}
		s := spans[0]
		if len(s.Attributes) != want || len(s.Events[0].Attributes) != want || len(s.Links[0].Attributes) != want {
			t.Errorf("%s: %v are left, want %d", key, s.Attributes, want)
		}
		if len(s.Events) != 2 || len(s.Events[1].Attributes) != 0 {
			t.Errorf("%s: the content event is %+v, want its name alone", key, s.Events[1])
		}
		if dropped != (Dropped{Attributes: wantCount, Events: 1}) {
			t.Errorf("%s: counted %+v", key, dropped)
		}
	}
}
