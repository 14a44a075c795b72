-- The scopes that a reader does not hold yet. Values: the last number that it
-- holds.
SELECT id, name, version, attributes, dropped_attributes, schema_url
FROM scopes
WHERE id > $1
ORDER BY id
