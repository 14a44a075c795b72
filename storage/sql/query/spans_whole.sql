-- The spans of the traces that pick.sql picks, in no order, with trace_spans,
-- the number of spans of their trace. Values: as for spans_picked.sql.
SELECT /* columns */
FROM spans
JOIN (
  SELECT trace_id, sum(spans)::UINTEGER AS trace_spans
  FROM trace_ranges
  WHERE bucket BETWEEN $1 AND $2
    AND (len($7::UUID[]) = 0 OR trace_id IN (SELECT unnest($7::UUID[])))
  GROUP BY trace_id
  HAVING min(min_start_ns) < $4
    AND max(max_end_ns) >= $3
    AND NOT bool_or(NOT closed AND received_at BETWEEN $5 AND $8 AND received_at > $6)
) AS picked USING (trace_id)
WHERE bucket BETWEEN $1 AND $2
  AND start_ns BETWEEN $9 AND $10
  AND (len($11::UINTEGER[]) = 0 OR list_contains($11::UINTEGER[], shape_id) = $12)
