-- The picked spans as people see them (v_spans), into a Parquet file. Values:
-- as for pick.sql, then the file.
COPY (
  SELECT v_spans.*
  FROM v_spans
  WHERE trace_id IN (
    SELECT replace(trace_id::VARCHAR, '-', '')
    FROM trace_ranges
    WHERE bucket BETWEEN $1 AND $2
      AND (len($7::UUID[]) = 0 OR trace_id IN (SELECT unnest($7::UUID[])))
    GROUP BY trace_id
    HAVING min(min_start_ns) < $4
      AND max(max_end_ns) >= $3
      AND NOT bool_or(NOT closed AND received_at BETWEEN $5 AND $8 AND received_at > $6)
  )
) TO $9 (FORMAT parquet, COMPRESSION zstd)
