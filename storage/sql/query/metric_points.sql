-- The metric points of a window, in the order stored. Values: since and the last ns before until.
SELECT
  name, description, unit, type, temporality, monotonic, metadata, start_ns,
  time_ns, attributes, flags, resource_id, scope_id, value_int, value_double,
  count, sum, min, max, bounds, buckets, exponential, quantiles, exemplars
FROM metric_points
WHERE time_ns >= $1 AND time_ns <= $2
ORDER BY rowid
