package analyzer

// A HotAttribute is a span attribute that every analysis reads. Stores keep each in a typed column of its own; a value
// of another type stays among the other attributes and is read from there.
type HotAttribute struct {
	Key  string
	Kind ValueKind
}

// HotAttributes lists the hot attributes. Their order is the order of the columns, so it is part of a store's schema.
var HotAttributes = []HotAttribute{
	{"slowtoken.phase", KindString},
	{"slowtoken.detail", KindString},
	{"gen_ai.operation.name", KindString},
	{"gen_ai.provider.name", KindString},
	{"gen_ai.system", KindString},
	{"gen_ai.request.model", KindString},
	{"gen_ai.response.model", KindString},
	{"gen_ai.request.id", KindString},
	{"gen_ai.request.stream", KindBool},
	{"gen_ai.request.max_tokens", KindInt},
	{"gen_ai.request.n", KindInt},
	{"gen_ai.usage.input_tokens", KindInt},
	{"gen_ai.usage.output_tokens", KindInt},
	{"gen_ai.usage.prompt_tokens", KindInt},
	{"gen_ai.usage.completion_tokens", KindInt},
	{"gen_ai.usage.cached_tokens", KindInt},
	{"gen_ai.usage.cache_read.input_tokens", KindInt},
	{"gen_ai.usage.reasoning.output_tokens", KindInt},
	{"gen_ai.response.time_to_first_chunk", KindDouble},
	{"gen_ai.server.time_to_first_token", KindDouble},
	{"gen_ai.latency.time_to_first_token", KindDouble},
	{"gen_ai.latency.e2e", KindDouble},
	{"gen_ai.latency.time_in_queue", KindDouble},
	{"gen_ai.latency.time_in_model_prefill", KindDouble},
	{"gen_ai.latency.time_in_model_decode", KindDouble},
	{"gen_ai.latency.time_in_model_inference", KindDouble},
	{"openinference.span.kind", KindString},
	{"error.type", KindString},
	{"http.request.method", KindString},
	{"http.method", KindString},
	{"http.response.status_code", KindInt},
	{"http.status_code", KindInt},
	{"http.route", KindString},
	{"rpc.method", KindString},
	{"rpc.grpc.status_code", KindInt},
	{"langfuse.observation.type", KindString},
	{"gen_ai.agent.name", KindString},
	{"gen_ai.tool.name", KindString},
}

// AnalysisKeys are the other attribute keys that analysis reads. They are on few spans, mostly on those of inference
// calls, so a column for each would be empty; stores hand them out with the hot attributes.
var AnalysisKeys = []string{
	"gen_ai.agent.id",
	"gen_ai.is_streaming",
	"gen_ai.request.is_stream",
	"gen_ai.request.choice.count",
	"gen_ai.response.time_to_first_token",
	"gen_ai.server.time_per_output_token",
	"gen_ai.tool.call.id",
	"gen_ai.usage.reasoning_tokens",

	"langfuse.observation.completion_start_time",

	"embedding.model_name",
	"llm.invocation_parameters",
	"llm.model_name",
	"llm.token_count.completion",
	"llm.token_count.completion_details.reasoning",
	"llm.token_count.prompt",
	"llm.token_count.prompt_details.cache_read",

	"llm.is_streaming",
	"llm.request.type",
	"traceloop.span.kind",

	"ai.model.id",
	"ai.operationId",
	"ai.response.msToFirstChunk",
	"ai.stream.msToFirstChunk",
	"ai.usage.cachedInputTokens",
	"ai.usage.completionTokens",
	"ai.usage.inputTokens",
	"ai.usage.outputTokens",
	"ai.usage.promptTokens",
	"ai.usage.reasoningTokens",
	"ai.usage.tokens",

	"thread_label",
	"bootstrap_room",
	"rid",
	"module",

	"batch_size",
	"telemetry.sdk.name",
	"ttft_ms",

	"ollama.total_duration_ns",
	"ollama.load_duration_ns",
	"ollama.prompt_eval_duration_ns",
	"ollama.eval_duration_ns",
	"llm.ollama.total_duration",
	"llm.ollama.load_duration",
	"llm.ollama.prompt_eval_duration",
	"llm.ollama.eval_duration",
	"langwatch.ollama.total_duration",
	"langwatch.ollama.load_duration",
	"langwatch.ollama.prompt_eval_duration",
	"langwatch.ollama.eval_duration",
	"gen_ai.ollama.response.total_duration",
	"gen_ai.ollama.response.load_duration",
	"gen_ai.ollama.response.prompt_eval_duration",
	"gen_ai.ollama.response.eval_duration",
	"total_duration",
	"load_duration",
	"prompt_eval_duration",
	"eval_duration",

	"llama.cache_tokens",
	"llama.predicted_ms",
	"llama.prompt_ms",

	"component",
	"phase",
	"x_dynamo_request_id",
	"x_request_id",

	"inference_time",
	"queue_time",
	"total_time",
	"validation_time",

	"triton.model_name",
	"triton.request_id",

	"generation.completion_tokens",
	"inference.average_tpot",
	"inference.ttft",
	"metrics.tpot",
	"metrics.ttft",
	"prompt.tokens",

	"dp_rank",
	"vllm.dp_rank",

	"vllm.backend_url",
	"vllm.is_streaming",
	"vllm.model",

	samplerType,
	samplerParam,
	sampleRate,
}
