-- How much a query picks. A trace is picked when it overlaps [since, until) and
-- is not open, and when it is one of the wanted ones, if any are named.
-- Values: first bucket, last bucket, since, the last ns before until, open_since
-- (ns; a trace of which a row that is not closed came at or after it is open),
-- closed_at (ns; all that came until then is closed), wanted trace ids, now (ns;
-- what came after it came before the clock was set back, and is not open).
WITH traces AS (
  SELECT
    min(min_start_ns) AS first_ns,
    max(max_end_ns) AS last_ns,
    sum(spans) AS spans,
    bool_or(NOT closed AND received_at BETWEEN $5 AND $8 AND received_at > $6) AS open
  FROM trace_ranges
  WHERE bucket BETWEEN $1 AND $2
    AND (len($7::UUID[]) = 0 OR trace_id IN (SELECT unnest($7::UUID[])))
  GROUP BY trace_id
)
SELECT
  count(*) FILTER (picked AND NOT open) AS traces,
  coalesce(sum(spans) FILTER (picked AND NOT open), 0)::BIGINT AS spans,
  count(*) FILTER (picked AND open) AS open_traces,
  coalesce(min(first_ns) FILTER (picked AND NOT open), 0) AS first_ns,
  coalesce(max(last_ns) FILTER (picked AND NOT open), 0) AS last_ns,
  count(*) AS all_traces
FROM (SELECT *, first_ns <= $4 AND last_ns >= $3 AS picked FROM traces)
