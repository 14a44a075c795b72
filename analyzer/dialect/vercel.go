package dialect

import (
	"strings"

	"github.com/slowtoken/slowtoken/analyzer"
)

// Vercel is the dialect of the Vercel AI SDK.
var Vercel = client{
	name: "vercel-ai-sdk",
	doc: "Spans of the Vercel AI SDK. ai.generateText, ai.streamText and their like wrap one doGenerate or doStream a step; " +
		"ai.toolCall is a tool. ai.response.msToFirstChunk and ai.stream.msToFirstChunk are milliseconds; the event " +
		"ai.stream.firstChunk is the same. A caller's view: network, queue and prefill cannot be separated. Verified with ai 6.0.326 " +
		"and @ai-sdk/openai-compatible 2.0.91.",
	verified: true,
	keys: []string{
		"ai.operationId", "ai.model.id", "ai.usage.promptTokens", "ai.usage.completionTokens", "ai.usage.inputTokens",
		"ai.usage.outputTokens", "ai.usage.cachedInputTokens", "ai.usage.reasoningTokens", "ai.usage.tokens", "ai.response.msToFirstChunk",
		"ai.stream.msToFirstChunk",
	},
	marks: []string{"ai.operationId"},
	names: []string{"ai.*"},
	match: func(s *analyzer.Span) analyzer.Role {
		operation := s.Attributes.Text("ai.operationId")
		if operation == "" {
			operation, _, _ = strings.Cut(s.Name, " ")
		}
		switch operation {
		case "ai.toolCall":
			return analyzer.RoleTool
		case "ai.generateText", "ai.streamText", "ai.generateObject", "ai.streamObject", "ai.embed", "ai.embedMany",
			"ai.generateText.doGenerate", "ai.streamText.doStream", "ai.generateObject.doGenerate", "ai.streamObject.doStream",
			"ai.embed.doEmbed", "ai.embedMany.doEmbed":
			return analyzer.RoleInference
		}
		return analyzer.RoleNone
	},
	read: func(s *analyzer.Span, c *analyzer.Call, first *firstChunk) {
		if strings.HasPrefix(s.Name, "ai.embed") {
			c.Operation = "embeddings"
		}
		switch {
		case strings.HasPrefix(s.Name, "ai.stream"):
			c.Streaming = analyzer.Yes
		case strings.HasPrefix(s.Name, "ai.generate"):
			c.Streaming = analyzer.No
		}
		for i := range s.Attributes {
			a := &s.Attributes[i]
			switch a.Key {
			case "ai.model.id":
				c.RequestModel, _ = a.Value.AsString()
			case "ai.usage.promptTokens", "ai.usage.inputTokens", "ai.usage.tokens": // the last is an embedding's
				c.InputTokens = count(a.Value)
			case "ai.usage.completionTokens", "ai.usage.outputTokens":
				c.OutputTokens = count(a.Value)
			case "ai.usage.cachedInputTokens":
				c.CachedTokens = count(a.Value)
			case "ai.usage.reasoningTokens":
				c.ReasoningTokens = count(a.Value)
			case "ai.response.msToFirstChunk", "ai.stream.msToFirstChunk":
				first.stated(a.Value, millisecond)
			}
		}
		first.events(s, func(name string) bool { return name == "ai.stream.firstChunk" })
	},
}.dialect()
