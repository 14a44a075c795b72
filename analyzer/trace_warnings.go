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

// A WarningMeaning says what a warning's count counts, what it does to the result, and what to do about it.
type WarningMeaning struct {
	Name, Meaning string
	// Touches are the phases whose time can be wrong where the warning stands. A warning that only makes something
	// unknown touches none: what is unknown is not counted.
	Touches PhaseSet
	// Bounded says that the error is known to be small, so that the phases stay to be trusted.
	Bounded bool
	// ByTime says that the time which the warning speaks of weighs, not the number of requests.
	ByTime bool
	Remedy string // what to do; "" when there is nothing to be done
}

// Sets of phases that warnings touch.
var (
	corePhases  = SetOf(CorePhases[:]...)
	spanPhases  = corePhases | SetOf(Frontend, Network, Gateway, Client) // whose time spans tell
	hopPhases   = SetOf(Network, Gateway, Client)                        // between a client and its server
	firstPhases = SetOf(Queue, Prefill, Decode)                          // that the first token divides
)

// AssemblyWarnings lists every warning that assembling a trace can give, in the order that reports print them.
var AssemblyWarnings = []WarningMeaning{
	{
		Name: WarnOrphan, Meaning: "spans whose parent did not arrive; each is a root of its own",
		Remedy: "send the spans of the callers here too",
	},
	{
		Name: WarnSelfParent, Meaning: "spans that name themselves as parent; each is a root",
		Touches: spanPhases, Remedy: "correct the instrumentation that makes these spans",
	},
	{
		Name: WarnCycleBroken, Meaning: "loops of spans that are each other's parents, cut at the earliest span, which is a root",
		Touches: spanPhases, Remedy: "correct the instrumentation that makes these spans",
	},
	{
		Name: WarnDuplicateExact, Meaning: "spans that arrived again with the same content; the copies are left out",
	},
	{
		Name: WarnDuplicateRenamed, Meaning: "spans that share an id with a different span; all are kept, children stay with the first",
		Touches: spanPhases, Remedy: "look for a process that was forked after its random numbers were seeded",
	},
	{
		Name: WarnNegativeDuration, Meaning: "spans that end before they start; they count as having no length",
		Touches: spanPhases, Remedy: "time spans with a monotonic clock, or keep the host's clock from being set back",
	},
	{
		Name: WarnClipped, Meaning: "spans that reach beyond their parent on the critical path; the part inside it counts",
		Touches: spanPhases, ByTime: true, Remedy: "end a span after its children, or link what runs on behind it instead",
	},
	{
		Name: WarnDroppedOutside, Meaning: "spans wholly outside their parent on the critical path; they and their children are off the path",
		Touches: spanPhases, ByTime: true, Remedy: "end a span after its children, and keep the hosts' clocks in step",
	},
	{
		Name: WarnAsyncPruned, Meaning: "spans that their parent on the critical path does not wait for; they and their children are off the path",
	},
}
