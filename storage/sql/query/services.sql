-- The services that emitted most spans. Values: how many to list.
SELECT coalesce(service_name, '') AS service, sum(n)::BIGINT AS spans
FROM (SELECT resource_id, count(*) AS n FROM spans GROUP BY resource_id)
LEFT JOIN resources ON resources.id = resource_id
GROUP BY service
ORDER BY spans DESC, service
LIMIT $1
