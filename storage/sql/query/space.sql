-- The space of the database file, in bytes: in use, and free for use again.
SELECT (used_blocks * block_size)::BIGINT AS used, (free_blocks * block_size)::BIGINT AS free
FROM pragma_database_size()
WHERE database_name = current_database()
