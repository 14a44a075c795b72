-- When the oldest share of what is stored was received, rows of trace_ranges and
-- metric points alike. Values: the share, in millionths.
SELECT greatest(approx_quantile(received, ($1 / 1e6)::FLOAT), min(received))::BIGINT AS cutoff
FROM (
  SELECT received_at AS received FROM trace_ranges
  UNION ALL
  SELECT coalesce(received_at, time_ns) FROM metric_points
)
HAVING count(*) > 0
