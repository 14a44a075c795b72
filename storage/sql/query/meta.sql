-- All facts about the database.
SELECT key, value
FROM meta
