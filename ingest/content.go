package ingest

import (
	"slices"
	"strings"

	"github.com/slowtoken/slowtoken/analyzer"
)

// ContentKeys are the attributes that carry what people wrote and what models answered. A key that ends in * stands for
// all that begin so.
var ContentKeys = []string{
	// OpenTelemetry GenAI, today's and earlier names
	"gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.system_instructions", "gen_ai.tool.definitions",
	"gen_ai.tool.call.arguments", "gen_ai.tool.call.result", "gen_ai.retrieval.documents", "gen_ai.retrieval.query.text",
	"gen_ai.evaluation.explanation", "gen_ai.event.content", "gen_ai.input", "gen_ai.output",
	// OpenLLMetry (Traceloop); gen_ai.prompt and gen_ai.completion are also early GenAI
	"gen_ai.prompt", "gen_ai.prompt.*", "gen_ai.completion", "gen_ai.completion.*", "llm.prompts", "llm.prompts.*",
	"llm.completions", "llm.completions.*", "traceloop.entity.input", "traceloop.entity.output",
	// OpenInference
	"input.value", "output.value", "llm.input_messages", "llm.input_messages.*", "llm.output_messages",
	"llm.output_messages.*", "llm.prompt_template.*", "llm.tools.*", "embedding.text", "embedding.embeddings.*",
	"retrieval.documents.*", "reranker.query", "reranker.input_documents.*", "reranker.output_documents.*",
	"tool.parameters", "message.content", "message.contents.*",
	// Vercel AI SDK
	"ai.prompt", "ai.prompt.*", "ai.response.text", "ai.response.text.*", "ai.response.object", "ai.response.reasoning",
	"ai.response.toolCalls", "ai.toolCall.args", "ai.toolCall.result", "ai.value", "ai.values", "ai.embedding", "ai.embeddings",
	// Langfuse, LangSmith, MLflow
	"langfuse.observation.input", "langfuse.observation.output", "langfuse.trace.input", "langfuse.trace.output",
	"langsmith.inputs", "langsmith.outputs", "mlflow.spanInputs", "mlflow.spanOutputs",
	// Pydantic AI and Logfire
	"all_messages_events", "pydantic_ai.all_messages", "request_data", "response_data", "tool_arguments", "tool_response",
	"final_result", "events",
}

// ContentEvents are the span events that carry content. Their names and times stay, since those are telemetry; all
// their attributes go.
var ContentEvents = []string{
	"gen_ai.content.*", "gen_ai.system.message", "gen_ai.user.message", "gen_ai.assistant.message", "gen_ai.tool.message",
	"gen_ai.choice", "gen_ai.client.inference.operation.details", "llm.content.*",
}

// Dropped counts what [DropContent] removed.
type Dropped struct {
	Attributes int // from spans, from links, and from events that ContentEvents does not name
	Events     int // events that lost their attributes
}

// DropContent removes prompts and completions from spans, in place: the attributes of [ContentKeys] and those of
// [ContentEvents]. Counts of tokens, times, models and ids stay. What a program writes into attributes of its own
// naming, into error messages or span names is beyond it.
func DropContent(spans []analyzer.Span) (dropped Dropped) {
	for i := range spans {
		s := &spans[i]
		dropped.Attributes += dropKeys(&s.Attributes)
		for j := range s.Events {
			e := &s.Events[j]
			switch {
			case !contentEvents.match(e.Name):
				dropped.Attributes += dropKeys(&e.Attributes)
			case len(e.Attributes) > 0:
				e.Attributes = nil
				dropped.Events++
			}
		}
		for j := range s.Links {
			dropped.Attributes += dropKeys(&s.Links[j].Attributes)
		}
	}
	return dropped
}

// dropKeys keeps the array and shortens the slice: attributes of one span belong to nobody else.
func dropKeys(attributes *analyzer.Attributes) int {
	before := len(*attributes)
	*attributes = slices.DeleteFunc(*attributes, func(a analyzer.Attribute) bool { return contentKeys.match(a.Key) })
	return before - len(*attributes)
}

// names is a list of names and prefixes, ready for look-up.
type names struct {
	exact    map[string]bool
	prefixes []string
}

func compileNames(list []string) (n names) {
	n.exact = make(map[string]bool, len(list))
	for _, name := range list {
		if prefix, ok := strings.CutSuffix(name, "*"); ok {
			n.prefixes = append(n.prefixes, prefix)
		} else {
			n.exact[name] = true
		}
	}
	return n
}

func (n names) match(name string) bool {
	return n.exact[name] || slices.ContainsFunc(n.prefixes, func(p string) bool { return strings.HasPrefix(name, p) })
}

var contentKeys, contentEvents = compileNames(ContentKeys), compileNames(ContentEvents)
