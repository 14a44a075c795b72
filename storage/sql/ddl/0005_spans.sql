-- Every span as received, nothing dropped and nothing classified. A span that
-- was sent twice is here twice. There are no indexes: analysis reads columns,
-- and DuckDB skips blocks by their smallest and largest start_ns.
CREATE TABLE spans (
  -- The trace, 128 bits.
  trace_id UUID NOT NULL,
  -- The span within its trace, 64 bits, read as a big-endian number.
  span_id UBIGINT NOT NULL,
  -- The parent span; NULL for a root.
  parent_id UBIGINT,
  -- When the span started, in ns since the Unix epoch.
  start_ns BIGINT NOT NULL,
  -- End minus start in ns; negative when the source says so.
  duration_ns BIGINT NOT NULL,
  -- The span's name.
  name VARCHAR NOT NULL,
  -- OTLP's number: 0 unspecified, 1 internal, 2 server, 3 client, 4 producer,
  -- 5 consumer.
  kind UTINYINT NOT NULL,
  -- OTLP's number: 0 unset, 1 ok, 2 error.
  status UTINYINT NOT NULL,
  -- The text that came with the status; NULL when empty.
  status_message VARCHAR,
  -- W3C tracestate; NULL when empty.
  trace_state VARCHAR,
  -- W3C trace flags in the low 8 bits, OTLP's remote-parent bits above.
  flags UINTEGER NOT NULL,
  -- Row of resources; NULL when the source had none.
  resource_id UINTEGER,
  -- Row of scopes; NULL when the source had none.
  scope_id UINTEGER,
  -- Row of attribute_shapes; 0 when the span has no attributes.
  shape_id UINTEGER NOT NULL,
  -- Values of attributes that are no hot column: strings, and arrays and maps
  -- as typed JSON (as in resources). Keys: attribute_shapes.string_keys.
  attr_strings VARCHAR[],
  -- Integers, and booleans as 0 and 1. Keys: attribute_shapes.int_keys.
  attr_ints BIGINT[],
  -- Floating-point numbers. Keys: attribute_shapes.double_keys.
  attr_doubles DOUBLE[],
  -- Byte strings. Keys: attribute_shapes.bytes_keys.
  attr_bytes BLOB[],
  -- Points in time inside the span, in the order received; attributes are
  -- typed JSON as in resources.
  events STRUCT(
    time_ns BIGINT,
    name VARCHAR,
    attributes VARCHAR,
    dropped_attributes UINTEGER
  )[],
  -- Pointers at other spans, in the order received; attributes are typed JSON
  -- as in resources.
  links STRUCT(
    trace_id UUID,
    span_id UBIGINT,
    trace_state VARCHAR,
    flags UINTEGER,
    attributes VARCHAR,
    dropped_attributes UINTEGER
  )[],
  -- Attributes that the source dropped before it sent the span.
  dropped_attributes UINTEGER NOT NULL,
  -- Events that the source dropped before it sent the span.
  dropped_events UINTEGER NOT NULL,
  -- Links that the source dropped before it sent the span.
  dropped_links UINTEGER NOT NULL,
  -- When slowtoken took the span in, in ns since the Unix epoch.
  received_at BIGINT NOT NULL,
  -- A hash of the trace id: the spans of a trace share it, so that a read can
  -- be cut into parts that hold whole traces.
  bucket UTINYINT NOT NULL,
  -- The hot attributes: what every analysis reads. Each is NULL when the span
  -- lacks the attribute or has it with another type (then it is in the lists).
  -- slowtoken.phase: the phase that the span states.
  slowtoken_phase VARCHAR,
  -- slowtoken.detail: finer than the phase.
  slowtoken_detail VARCHAR,
  -- gen_ai.operation.name: chat, text_completion, embeddings...
  gen_ai_operation_name VARCHAR,
  -- gen_ai.provider.name: who serves the model.
  gen_ai_provider_name VARCHAR,
  -- gen_ai.system: older name of the provider.
  gen_ai_system VARCHAR,
  -- gen_ai.request.model: the model asked for.
  gen_ai_request_model VARCHAR,
  -- gen_ai.response.model: the model that answered.
  gen_ai_response_model VARCHAR,
  -- gen_ai.request.id: the serving stack's id of the request.
  gen_ai_request_id VARCHAR,
  -- gen_ai.request.stream: whether tokens were streamed.
  gen_ai_request_stream BOOLEAN,
  -- gen_ai.request.max_tokens: limit on output tokens.
  gen_ai_request_max_tokens BIGINT,
  -- gen_ai.request.n: sequences asked for.
  gen_ai_request_n BIGINT,
  -- gen_ai.usage.input_tokens: prompt tokens.
  gen_ai_usage_input_tokens BIGINT,
  -- gen_ai.usage.output_tokens: generated tokens.
  gen_ai_usage_output_tokens BIGINT,
  -- gen_ai.usage.prompt_tokens: older name of input_tokens.
  gen_ai_usage_prompt_tokens BIGINT,
  -- gen_ai.usage.completion_tokens: older name of output_tokens.
  gen_ai_usage_completion_tokens BIGINT,
  -- gen_ai.usage.cached_tokens: prompt tokens found in a cache.
  gen_ai_usage_cached_tokens BIGINT,
  -- gen_ai.usage.cache_read.input_tokens: prompt tokens found in a cache.
  gen_ai_usage_cache_read_input_tokens BIGINT,
  -- gen_ai.usage.reasoning.output_tokens: hidden reasoning tokens.
  gen_ai_usage_reasoning_output_tokens BIGINT,
  -- gen_ai.response.time_to_first_chunk: seconds, as a client saw it.
  gen_ai_response_time_to_first_chunk DOUBLE,
  -- gen_ai.server.time_to_first_token: seconds, as a server saw it.
  gen_ai_server_time_to_first_token DOUBLE,
  -- gen_ai.latency.time_to_first_token: seconds (vLLM).
  gen_ai_latency_time_to_first_token DOUBLE,
  -- gen_ai.latency.e2e: seconds (vLLM).
  gen_ai_latency_e2e DOUBLE,
  -- gen_ai.latency.time_in_queue: seconds (vLLM).
  gen_ai_latency_time_in_queue DOUBLE,
  -- gen_ai.latency.time_in_model_prefill: seconds (vLLM).
  gen_ai_latency_time_in_model_prefill DOUBLE,
  -- gen_ai.latency.time_in_model_decode: seconds (vLLM).
  gen_ai_latency_time_in_model_decode DOUBLE,
  -- gen_ai.latency.time_in_model_inference: seconds (vLLM).
  gen_ai_latency_time_in_model_inference DOUBLE,
  -- openinference.span.kind: LLM, CHAIN, TOOL, AGENT...
  openinference_span_kind VARCHAR,
  -- error.type: class of the error.
  error_type VARCHAR,
  -- http.request.method: GET, POST...
  http_request_method VARCHAR,
  -- http.method: older name of the method.
  http_method VARCHAR,
  -- http.response.status_code: 200, 429...
  http_response_status_code BIGINT,
  -- http.status_code: older name of the status code.
  http_status_code BIGINT,
  -- http.route: the matched route.
  http_route VARCHAR,
  -- rpc.method: the called method.
  rpc_method VARCHAR,
  -- rpc.grpc.status_code: 0 is ok.
  rpc_grpc_status_code BIGINT,
  -- langfuse.observation.type: generation, span, tool...
  langfuse_observation_type VARCHAR,
  -- gen_ai.agent.name: the agent that the span runs.
  gen_ai_agent_name VARCHAR,
  -- gen_ai.tool.name: the tool that the span runs.
  gen_ai_tool_name VARCHAR
);
