-- One row per fact about the database itself. It is created first, so that its
-- schema version can be checked before anything else is read or changed.
CREATE TABLE meta (
  -- What the fact is about: schema_version (number of the last file of this
  -- folder that was applied), written_by (the slowtoken that applied it) or
  -- closed_at (ns since the Unix epoch; all that was received until then
  -- counts as closed, because its writer stopped gracefully).
  key VARCHAR PRIMARY KEY,
  -- The fact, as text.
  value VARCHAR NOT NULL
);
