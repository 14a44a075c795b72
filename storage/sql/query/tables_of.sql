-- The tables of an attached database. Values: its name.
SELECT table_name
FROM duckdb_tables()
WHERE database_name = $1 AND NOT internal
ORDER BY table_name
