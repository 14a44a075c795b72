-- The attribute shapes that a reader does not hold yet. Values: the last number
-- that it holds.
SELECT id, keys, slots
FROM attribute_shapes
WHERE id > $1
ORDER BY id
