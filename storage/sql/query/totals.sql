-- What the database holds in all.
SELECT
  coalesce(sum(spans), 0)::BIGINT AS spans,
  count(DISTINCT trace_id) AS traces,
  coalesce(min(min_start_ns), 0) AS first_ns,
  coalesce(max(max_end_ns), 0) AS last_ns,
  coalesce(max(received_at), 0) AS received_at,
  (SELECT count(*) FROM metric_points) AS metric_points
FROM trace_ranges
