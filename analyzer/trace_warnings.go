package analyzer

// The names of what assembly repaired, cut or set aside, as [Trace.Warnings] counts them.
const (
	WarnDuplicateExact   = "duplicate_exact"
	WarnDuplicateRenamed = "duplicate_renamed"
	WarnNegativeDuration = "negative_duration"
	WarnOrphan           = "orphan"
	WarnSelfParent       = "self_parent"
	WarnCycleBroken      = "cycle_broken"
	WarnAsyncPruned      = "async_pruned"
	WarnClipped          = "clipped"
	WarnDroppedOutside   = "dropped_outside_parent"
)

// A WarningMeaning says in one line what a warning's count counts.
type WarningMeaning struct{ Name, Meaning string }

// AssemblyWarnings lists every warning that assembling a trace can give, in the order that reports print them.
var AssemblyWarnings = []WarningMeaning{
	{WarnOrphan, "spans whose parent did not arrive; each is a root of its own"},
	{WarnSelfParent, "spans that name themselves as parent; each is a root"},
	{WarnCycleBroken, "loops of spans that are each other's parents, cut at the earliest span, which is a root"},
	{WarnDuplicateExact, "spans that arrived again with the same content; the copies are left out"},
	{WarnDuplicateRenamed, "spans that share an id with a different span; all are kept, children stay with the first"},
	{WarnNegativeDuration, "spans that end before they start; they count as having no length"},
	{WarnClipped, "spans that reach beyond their parent on the critical path; the part inside it counts"},
	{WarnDroppedOutside, "spans wholly outside their parent on the critical path; they and their children are off the path"},
	{WarnAsyncPruned, "spans that their parent on the critical path does not wait for; they and their children are off the path"},
}
