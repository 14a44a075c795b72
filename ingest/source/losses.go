package source

// What the APIs do not carry. docs/sources.md explains each.
var (
	lossBackend = Loss{"backend", "what the store behind the API did not keep cannot be fetched: Jaeger on Badger, Cassandra or Elasticsearch keeps times in microseconds and no dropped counts or link attributes"}

	lossMicroseconds = Loss{"times_in_microseconds", "times and durations are cut to microseconds"}

	lossesOfModel = []Loss{
		{"fields_as_tags", "kind, status, trace state and scope come as tags, and stay as attributes beside the fields they fill"},
		{"values_as_text", "arrays and maps as attribute values come as JSON text"},
		{"counts_dropped", "counts of dropped attributes, events and links are not there"},
		{"links_reduced", "links come without attributes, trace state and flags"},
		{"flags_reduced", "of the span's flags the sampled bit is there at most"},
		{"schemas_dropped", "schema URLs, and attributes of scopes, are not there"},
	}
)
