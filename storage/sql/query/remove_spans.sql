-- Removes the spans of traces. Values: the traces, when the last of their spans
-- was received at the latest (ns; it lets DuckDB skip what is younger).
DELETE FROM spans
WHERE received_at <= $2 AND trace_id IN (SELECT unnest($1::UUID[]))
