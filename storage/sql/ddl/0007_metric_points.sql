-- Every metric data point as received, with what its metric says of it. Which
-- value columns hold anything depends on the type.
CREATE TABLE metric_points (
  -- The metric's name.
  name VARCHAR NOT NULL,
  -- The metric's description; NULL when empty.
  description VARCHAR,
  -- The metric's unit; NULL when empty.
  unit VARCHAR,
  -- 1 gauge, 2 sum, 3 histogram, 4 exponential histogram, 5 summary.
  type UTINYINT NOT NULL,
  -- OTLP's number: 0 unspecified, 1 delta, 2 cumulative.
  temporality UTINYINT NOT NULL,
  -- Whether a sum only grows.
  monotonic BOOLEAN NOT NULL,
  -- The metric's metadata as typed JSON, as in resources.
  metadata VARCHAR,
  -- What a sum or histogram counts from, in ns since the Unix epoch; 0 when
  -- unstated.
  start_ns BIGINT NOT NULL,
  -- The time of the point, in ns since the Unix epoch.
  time_ns BIGINT NOT NULL,
  -- The point's attributes as typed JSON, as in resources.
  attributes VARCHAR,
  -- OTLP's data point flags.
  flags UINTEGER NOT NULL,
  -- Row of resources; NULL when the source had none.
  resource_id UINTEGER,
  -- Row of scopes; NULL when the source had none.
  scope_id UINTEGER,
  -- Gauge and sum: the value, when it is an integer.
  value_int BIGINT,
  -- Gauge and sum: the value, when it is a floating-point number.
  value_double DOUBLE,
  -- Histograms and summaries: how many measurements.
  count UBIGINT NOT NULL,
  -- Histograms and summaries: their sum; NULL when unstated.
  sum DOUBLE,
  -- Histograms: the smallest; NULL when unstated.
  min DOUBLE,
  -- Histograms: the largest; NULL when unstated.
  max DOUBLE,
  -- Histogram: upper bounds of all buckets but the last.
  bounds DOUBLE[],
  -- Histogram: measurements in each bucket.
  buckets UBIGINT[],
  -- Exponential histogram: its buckets.
  exponential STRUCT(
    scale INTEGER,
    zero_count UBIGINT,
    zero_threshold DOUBLE,
    positive_offset INTEGER,
    positive UBIGINT[],
    negative_offset INTEGER,
    negative UBIGINT[]
  ),
  -- Summary: its quantiles.
  quantiles STRUCT(quantile DOUBLE, value DOUBLE)[],
  -- Single measurements that the point points back to.
  exemplars STRUCT(
    time_ns BIGINT,
    value_int BIGINT,
    value_double DOUBLE,
    trace_id UUID,
    span_id UBIGINT,
    attributes VARCHAR
  )[]
);
