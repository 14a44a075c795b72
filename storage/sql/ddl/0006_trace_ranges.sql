-- One row per trace and commit: when the spans that were committed together
-- lie, and when they came. It finds the traces of a window, and tells those
-- that may still grow, without a look at the spans. A trace's range is the
-- smallest start and the largest end of its rows.
CREATE TABLE trace_ranges (
  -- The trace, 128 bits.
  trace_id UUID NOT NULL,
  -- The trace's hash, as in spans.
  bucket UTINYINT NOT NULL,
  -- The earliest time of these spans, in ns since the Unix epoch.
  min_start_ns BIGINT NOT NULL,
  -- The latest time of these spans, in ns since the Unix epoch.
  max_end_ns BIGINT NOT NULL,
  -- How many spans the row stands for.
  spans UINTEGER NOT NULL,
  -- When slowtoken took the last of them in, in ns since the Unix epoch.
  received_at BIGINT NOT NULL,
  -- Whether no more spans are to be expected: imports and files are whole at
  -- once, received traces are when nothing came for a while.
  closed BOOLEAN NOT NULL
);
