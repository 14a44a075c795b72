-- The resources that a reader does not hold yet. Values: the last number that
-- it holds.
SELECT id, attributes, dropped_attributes, schema_url
FROM resources
WHERE id > $1
ORDER BY id
