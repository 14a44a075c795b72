-- Removes what trace_ranges says of traces. Values: as for remove_spans.sql.
DELETE FROM trace_ranges
WHERE received_at <= $2 AND trace_id IN (SELECT unnest($1::UUID[]))
