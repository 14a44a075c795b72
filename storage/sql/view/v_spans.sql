-- Spans for people: times as timestamps, ids in hexadecimal, the service's
-- name, every attribute by its key.
CREATE OR REPLACE VIEW v_spans AS
SELECT
  -- The trace id, 32 hexadecimal digits.
  replace(trace_id::VARCHAR, '-', '') AS trace_id,
  -- The span id, 16 hexadecimal digits.
  format('{:016x}', span_id) AS span_id,
  -- The parent's span id; NULL for a root.
  format('{:016x}', parent_id) AS parent_id,
  -- When the span started.
  make_timestamp_ns(start_ns) AS start_time,
  -- When the span ended.
  make_timestamp_ns(start_ns + duration_ns) AS end_time,
  -- How long it took, in milliseconds.
  duration_ns / 1e6 AS duration_ms,
  -- The service that emitted it.
  resources.service_name AS service,
  -- The span's name.
  spans.name AS name,
  -- unspecified, internal, server, client, producer or consumer.
  ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'][kind + 1] AS kind,
  -- unset, ok or error.
  ['unset', 'ok', 'error'][status + 1] AS status,
  -- The text that came with the status.
  status_message,
  -- The attributes without a column of their own, as text: attributes['key'].
  -- Booleans are 0 and 1; arrays and maps are JSON.
  map_concat(
    map(coalesce(string_keys, []), coalesce(attr_strings, [])),
    map(coalesce(int_keys, []), coalesce(attr_ints::VARCHAR[], [])),
    map(coalesce(double_keys, []), coalesce(attr_doubles::VARCHAR[], [])),
    map(coalesce(bytes_keys, []), coalesce(attr_bytes::VARCHAR[], []))
  ) AS attributes,
  -- The resource's attributes as JSON.
  resources.attributes AS resource_attributes,
  -- The instrumentation library.
  scopes.name AS scope,
  -- Points in time inside the span.
  events,
  -- Pointers at other spans.
  links,
  -- When slowtoken took the span in.
  make_timestamp_ns(received_at) AS received_time,
  -- The hot attributes, each in its column, as in the table spans.
  COLUMNS('^(slowtoken|gen_ai|openinference|error|http|rpc|langfuse)_')
FROM spans
LEFT JOIN attribute_shapes ON attribute_shapes.id = shape_id
LEFT JOIN resources ON resources.id = resource_id
LEFT JOIN scopes ON scopes.id = scope_id
