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
	{"http.route", KindString},
	{"rpc.method", KindString},
}
