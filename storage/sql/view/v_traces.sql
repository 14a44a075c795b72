-- Traces for people: when each was, how large it is, whether it may still grow.
CREATE OR REPLACE VIEW v_traces AS
SELECT
  -- The trace id, 32 hexadecimal digits.
  replace(trace_id::VARCHAR, '-', '') AS trace_id,
  -- The earliest start of its spans.
  make_timestamp_ns(min(min_start_ns)) AS start_time,
  -- The latest end of its spans.
  make_timestamp_ns(max(max_end_ns)) AS end_time,
  -- From the one to the other, in milliseconds.
  (max(max_end_ns) - min(min_start_ns)) / 1e6 AS duration_ms,
  -- How many spans were received, copies included.
  sum(spans)::BIGINT AS spans,
  -- When slowtoken took the last of them in.
  make_timestamp_ns(max(received_at)) AS received_time,
  -- Whether all of them came from files or pulls, which bring traces whole.
  bool_and(closed) AS closed
FROM trace_ranges
GROUP BY trace_ranges.trace_id
