-- Points are removed by the time they came, as traces are: their own times are
-- their sender's.
ALTER TABLE metric_points ADD COLUMN
  -- When slowtoken took the point in, in ns since the Unix epoch; NULL in points
  -- of databases that were made before this column, whose own time then counts.
  received_at BIGINT;
