-- The columns of one table, in order. Values: the table.
SELECT column_name
FROM duckdb_columns()
WHERE schema_name = 'main' AND table_name = $1
ORDER BY column_index
