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
		"instead. The time to the first chunk is gen_ai.response.time_to_first_chunk (seconds), else " +
		"gen_ai.server.time_to_first_token (seconds; milliseconds on spans of strands-agents), gen_ai.response.time_to_first_token " +
		"(seconds; from 1e6 on nanoseconds, as LoongSuite writes them) or ttft_ms, else the event gen_ai.content.chunk, first_token or " +
		"llm.first_token. Network, queue and prefill before it cannot be separated, nor decode, stream and network after it. Tested " +
		"against recordings of the OpenAI client with @opentelemetry/instrumentation-openai 0.21.0, which states no time to the " +
		"first chunk, and OpenLLMetry 0.27.0 for JavaScript.",
	keys:  append([]string{"gen_ai.agent.name", "gen_ai.agent.id", "gen_ai.tool.name", "gen_ai.tool.call.id"}, firstChunkNames()...),
	marks: []string{"gen_ai.*"},
	match: func(s *analyzer.Span) analyzer.Role {
		if operation := s.Attributes.Text("gen_ai.operation.name"); operation != "" {
			return operationRole(operation)
		}
		return olderRole(s)
	},
	read: readFirstChunk,
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
