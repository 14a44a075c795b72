-- Spans that state a model: calls of a language model, as the instrumentation
-- wrote them. One call can have several such spans (a client's and a server's);
-- slowtoken analyze joins them, this view does not.
CREATE OR REPLACE VIEW v_llm_calls AS
SELECT
  -- The trace id, 32 hexadecimal digits.
  replace(trace_id::VARCHAR, '-', '') AS trace_id,
  -- The span id, 16 hexadecimal digits.
  format('{:016x}', span_id) AS span_id,
  -- When the call started.
  make_timestamp_ns(start_ns) AS start_time,
  -- How long it took, in milliseconds.
  duration_ns / 1e6 AS duration_ms,
  -- The service that emitted the span.
  resources.service_name AS service,
  -- The span's name.
  name,
  -- The model that answered, else the one asked for.
  coalesce(gen_ai_response_model, gen_ai_request_model) AS model,
  -- Prompt tokens, by whichever name.
  coalesce(gen_ai_usage_input_tokens, gen_ai_usage_prompt_tokens) AS input_tokens,
  -- Generated tokens, by whichever name.
  coalesce(gen_ai_usage_output_tokens, gen_ai_usage_completion_tokens) AS output_tokens,
  -- Time to first token in milliseconds, where the span states it.
  1e3 * coalesce(
    gen_ai_latency_time_to_first_token,
    gen_ai_server_time_to_first_token,
    gen_ai_response_time_to_first_chunk
  ) AS ttft_ms,
  -- unset, ok or error.
  ['unset', 'ok', 'error'][status + 1] AS status
FROM spans
LEFT JOIN resources ON resources.id = resource_id
WHERE gen_ai_request_model IS NOT NULL OR gen_ai_response_model IS NOT NULL
