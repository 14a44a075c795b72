// Package dialect knows how serving stacks and SDKs speak: which of their spans are inference calls, what those state
// about the call, and which phases their time divides into. One file holds one dialect; [All] lists them.
//
// Spans are stored as they came and read by dialects at each analysis, so a better dialect explains old data better.
package dialect

import "github.com/slowtoken/slowtoken/analyzer"

// All lists the dialects in order of precedence: what a span says of its own phase, engines, SDKs from the particular to
// the general, then what merely wraps calls.
var All = []analyzer.Dialect{
	Phase,
	Gateway,
	TensorRT,
	VLLM,
	SGLang,
	TGI,
	Triton,
	Dynamo,
	LlamaCpp,
	Ollama,
	LiteLLM,
	Predecessor,
	Langfuse,
	OpenInference,
	Vercel,
	OpenLLMetry,
	OpenLIT,
	GenAI,
	VLLMRouter,
	RayServe,
	HTTP,
}
