package dialect

import (
	"strings"

	"github.com/slowtoken/slowtoken/analyzer"
)

// GenAI is the dialect of OpenTelemetry's GenAI conventions, both generations of names.
var GenAI = client{
	name: "otel-genai",
	doc: "Spans of OpenTelemetry's GenAI conventions. gen_ai.operation.name tells inference (chat, text_completion, " +
		"generate_content, embeddings), agents and tools apart; spans of the older generation have gen_ai.system and a model " +
		"instead. gen_ai.response.time_to_first_chunk, or gen_ai.server.time_to_first_token on the span as OpenLIT and Strands " +
		"write it, is the time to the first chunk in seconds. OpenLIT for JavaScript counts it from when the answer's headers " +
		"came, so it is not used there. Network, queue and prefill before it cannot be separated, nor decode, stream and network " +
		"after it. Tested against recordings of the OpenAI client with @opentelemetry/instrumentation-openai 0.21.0, which states " +
		"no time to the first chunk, OpenLLMetry 0.27.0 and OpenLIT 1.15.0 for JavaScript.",
	keys: []string{
		"gen_ai.system", "gen_ai.provider.name", "gen_ai.agent.name", "gen_ai.agent.id", "gen_ai.tool.name",
		"gen_ai.tool.call.id", "gen_ai.response.time_to_first_chunk",
		"gen_ai.response.time_to_first_token", "gen_ai.server.time_to_first_token", "gen_ai.server.time_per_output_token",
		"gen_ai.request.is_stream",
	},
	marks: []string{"gen_ai.*"},
	match: func(s *analyzer.Span) analyzer.Role {
		if operation := s.Attributes.Text("gen_ai.operation.name"); operation != "" {
			return operationRole(operation)
		}
		return olderRole(s)
	},
	read: func(s *analyzer.Span, c *analyzer.Call, first *firstChunk) {
		if v, ok := s.Attributes.Get("gen_ai.request.is_stream"); ok && c.Streaming == analyzer.Unknown {
			c.Streaming = tristate(v)
		}
		for _, key := range [...]string{
			"gen_ai.response.time_to_first_chunk", "gen_ai.response.time_to_first_token", "gen_ai.server.time_to_first_token",
		} {
			if v, ok := s.Attributes.Get(key); ok {
				first.stated(v, second)
			}
		}
		if strings.HasPrefix(scopeName(s), "@openlit/") && first.after >= 0 {
			first.after = unknown
			first.warnings.Add(analyzer.WarnTTFTUnmeasured, 1)
		}
		if v, ok := s.Attributes.Get("gen_ai.server.time_per_output_token"); ok {
			first.timePerToken(v)
		}
		first.events(s, func(name string) bool { return name == "gen_ai.content.chunk" || name == "first_token" })
	},
}.dialect()

func operationRole(operation string) analyzer.Role {
	switch operation {
	case "chat", "text_completion", "generate_content", "embeddings", "completion", "embedding", "rerank":
		return analyzer.RoleInference
	case "execute_tool":
		return analyzer.RoleTool
	case "invoke_agent", "create_agent", "invoke_workflow", "agent", "chain", "workflow", "task", "plan":
		return analyzer.RoleAgent
	}
	return analyzer.RoleNone
}

// olderRole tells an inference span of the generation without operation names: it names a provider and a model, and it
// is a client's span or states usage. Spans of agents state usage too, as a sum.
func olderRole(s *analyzer.Span) analyzer.Role {
	var system, model, usage bool
	for i := range s.Attributes {
		switch key := s.Attributes[i].Key; key {
		case "gen_ai.system", "gen_ai.provider.name":
			system = true
		case "gen_ai.request.model", "gen_ai.response.model":
			model = true
		case "gen_ai.agent.name", "gen_ai.agent.id":
			return analyzer.RoleAgent
		case "gen_ai.tool.name", "gen_ai.tool.call.id":
			return analyzer.RoleTool
		default:
			usage = usage || strings.HasPrefix(key, "gen_ai.usage.")
		}
	}
	if system && model && (usage || s.Kind == analyzer.SpanKindClient) {
		return analyzer.RoleInference
	}
	return analyzer.RoleNone
}
