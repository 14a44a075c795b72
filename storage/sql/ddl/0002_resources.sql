-- Every distinct resource (a process, a pod, a service instance) that emitted
-- spans or metrics, once. Rows are only ever added.
CREATE TABLE resources (
  -- The number that spans and metric points refer to; from 1.
  id UINTEGER NOT NULL,
  -- The attribute service.name, when it is a string.
  service_name VARCHAR,
  -- The attribute service.instance.id, when it is a string.
  service_instance_id VARCHAR,
  -- All attributes as typed JSON: keys in the order received and possibly
  -- repeated, integers without and doubles with a point or exponent, bytes as
  -- {"$bytes": base64}, NaN and infinities as {"$double": text}; a real key
  -- that starts with $ has one more.
  attributes VARCHAR,
  -- Attributes that the source dropped before it sent the resource.
  dropped_attributes UINTEGER NOT NULL,
  -- OpenTelemetry's schema URL of the resource.
  schema_url VARCHAR
);
