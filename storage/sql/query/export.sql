-- The picked spans as people see them, into a Parquet file. Values: as for
-- pick.sql. The file's name is in the variable export_path.
COPY (
  SELECT *
  FROM v_spans
  WHERE replace(trace_id, '-', '') IS NOT NULL
) TO (getvariable('export_path')) (FORMAT parquet, COMPRESSION zstd)
