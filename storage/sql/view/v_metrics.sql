-- Metric points for people: one number a point where there is one.
CREATE OR REPLACE VIEW v_metrics AS
SELECT
  -- The time of the point.
  make_timestamp_ns(time_ns) AS time,
  -- The service that emitted it.
  resources.service_name AS service,
  -- The metric's name.
  metric_points.name AS name,
  -- The metric's unit.
  unit,
  -- The kind of metric.
  ['gauge', 'sum', 'histogram', 'exponential_histogram', 'summary'][type] AS type,
  -- The value of a gauge or sum; the mean of the others.
  coalesce(value_double, value_int, sum / nullif(count, 0)) AS value,
  -- How many measurements a histogram or summary stands for.
  count,
  -- The point's attributes as JSON.
  metric_points.attributes AS attributes
FROM metric_points
LEFT JOIN resources ON resources.id = resource_id
