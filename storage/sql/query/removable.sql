-- The traces that retention may remove, those that ended first coming first: all
-- that was received of them came at or before a time. Values: that time (ns),
-- how many to name at most.
SELECT trace_id, sum(spans)::BIGINT AS spans
FROM trace_ranges
WHERE trace_id IN (SELECT trace_id FROM trace_ranges WHERE received_at <= $1)
GROUP BY trace_id
HAVING max(received_at) <= $1
ORDER BY max(received_at), trace_id
LIMIT $2
