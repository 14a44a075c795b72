-- The spans of the traces that pick.sql picks, in no order. Values: as there,
-- then the first and last time of these traces (ns; it lets DuckDB skip what
-- lies outside), shapes, and whether spans of these shapes are wanted or all
-- others.
SELECT /* columns */
FROM spans
WHERE bucket BETWEEN $1 AND $2
  AND start_ns BETWEEN $9 AND $10
  AND (len($11::UINTEGER[]) = 0 OR list_contains($11::UINTEGER[], shape_id) = $12)
  AND trace_id IN (
    SELECT trace_id
    FROM trace_ranges
    WHERE bucket BETWEEN $1 AND $2
      AND (len($7::UUID[]) = 0 OR trace_id IN (SELECT unnest($7::UUID[])))
    GROUP BY trace_id
    HAVING min(min_start_ns) <= $4
      AND max(max_end_ns) >= $3
      AND NOT bool_or(NOT closed AND received_at BETWEEN $5 AND $8 AND received_at > $6)
  )
