-- The commonest span names. Values: how many to list.
SELECT name, count(*) AS spans
FROM spans
GROUP BY name
ORDER BY spans DESC, name
LIMIT $1
