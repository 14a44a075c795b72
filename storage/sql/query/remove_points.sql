-- Removes metric points that were received at or before a time. Values: that
-- time (ns), how many to remove at most.
DELETE FROM metric_points
WHERE rowid IN (
  SELECT rowid
  FROM metric_points
  WHERE coalesce(received_at, time_ns) <= $1
  LIMIT $2
)
