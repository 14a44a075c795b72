package source

// What the APIs do not carry. docs/sources.md explains each.
var (
	lossBackend = Loss{"backend", "what Jaeger or its storage did not keep cannot be fetched: schema URLs; a span that ends when it starts, or before, is made 1 ns long; Badger, Cassandra and Elasticsearch store an older model, which has no flags, dropped counts, or attributes of scopes and links"}

	lossTempo = Loss{"search_by_second", "Tempo's search counts whole seconds and may leave out what its ingesters have not handed over yet; what it reports as incomplete is counted"}

	lossMicroseconds = Loss{"times_in_microseconds", "times and durations are cut to microseconds"}

	lossesOfModel = []Loss{
		{"fields_as_tags", "kind, status, trace state and scope come as tags, and stay as attributes beside the fields they fill"},
		{"values_as_text", "arrays and maps as attribute values come as JSON text"},
		{"counts_dropped", "counts of dropped attributes, events and links are not there"},
		{"links_reduced", "links come without attributes, trace state and flags, as references that follow; a link to the parent takes the parent's place"},
		{"flags_dropped", "the flags of spans are not there"},
		{"schemas_dropped", "schema URLs, and attributes of scopes, are not there"},
	}
)

// WarningMeanings explains what a pull counts beside its spans.
var WarningMeanings = map[string]string{
	"changed_by_jaeger":      "spans that Jaeger changed, as it says in their warnings: the attribute jaeger.warnings or @jaeger@warnings",
	"times_in_microseconds":  "spans whose times were cut to microseconds by the API",
	"search_gives_no_more":   "instants at which a search gave as many traces as asked for, and no more when asked for more: there may be others",
	"search_incomplete":      "searches that the server says it did not finish",
	"trace_partial":          "traces that the server cut because they are too large",
	"attribute_not_its_type": "attributes whose value is not of the type they claim; they are kept as text",
	"process_not_described":  "spans whose service the answer does not name",
	"reference_not_read":     "references between spans that could not be read",
}
