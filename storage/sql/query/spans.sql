-- Every span of some buckets, in no order. Values: first bucket, last bucket,
-- shapes, whether spans of these shapes are wanted or all others.
SELECT /* columns */
FROM spans
WHERE bucket BETWEEN $1 AND $2
  AND (len($3::UINTEGER[]) = 0 OR list_contains($3::UINTEGER[], shape_id) = $4)
