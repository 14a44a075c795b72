-- Every distinct sequence of attribute keys and types, once. Spans made by one
-- line of code share their keys, so a span stores the number of its shape and
-- only its values: each in a column of its own (hot attributes) or in the next
-- place of the list of its type. Rows are only ever added.
CREATE TABLE attribute_shapes (
  -- The number that spans refer to; from 1. A span without attributes has 0.
  id UINTEGER NOT NULL,
  -- The attribute keys in the order received; a key can repeat.
  keys VARCHAR[] NOT NULL,
  -- Where the value of each key is: hot (the column named like the key, with _
  -- for every dot), string or json (attr_strings), int or bool (attr_ints),
  -- double (attr_doubles), bytes (attr_bytes), empty (nowhere: the value was
  -- empty), or all (attr_strings holds all attributes of the span as one typed
  -- JSON object; used once there are too many shapes).
  slots VARCHAR[] NOT NULL,
  -- The keys of the values in attr_strings, in their order. Made unique: of a
  -- repeated key the last keeps its name, earlier ones get #1, #2 and so on.
  string_keys VARCHAR[] NOT NULL,
  -- The keys of the values in attr_ints, likewise.
  int_keys VARCHAR[] NOT NULL,
  -- The keys of the values in attr_doubles, likewise.
  double_keys VARCHAR[] NOT NULL,
  -- The keys of the values in attr_bytes, likewise.
  bytes_keys VARCHAR[] NOT NULL
);
