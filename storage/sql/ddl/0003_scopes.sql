-- Every distinct instrumentation scope (the library that made spans or
-- metrics), once. Rows are only ever added.
CREATE TABLE scopes (
  -- The number that spans and metric points refer to; from 1.
  id UINTEGER NOT NULL,
  -- The library's name.
  name VARCHAR NOT NULL,
  -- The library's version.
  version VARCHAR,
  -- All attributes as typed JSON, as in resources.
  attributes VARCHAR,
  -- Attributes that the source dropped before it sent the scope.
  dropped_attributes UINTEGER NOT NULL,
  -- OpenTelemetry's schema URL of the spans or metrics of this scope.
  schema_url VARCHAR
);
