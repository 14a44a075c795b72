package analyzer

// The names of doubts about the telemetry of a request, as [Request.Warnings] counts them.
const (
	WarnUsageDisagrees     = "usage_disagrees"
	WarnDurationRefused    = "duration_refused"
	WarnTextCut            = "text_cut"
	WarnOverrun            = "overrun"
	WarnDurationsDisagree  = "durations_disagree"
	WarnTTFTUnmeasured     = "ttft_unmeasured"
	WarnFirstTokenInferred = "first_token_inferred"
	WarnFirstTokenOutside  = "first_token_outside"
	WarnEventsDropped      = "events_dropped"
	WarnClockSkew          = "clock_skew"
	WarnClockDrift         = "clock_drift"
	WarnLegNotJoined       = "leg_not_joined"
	WarnSlicesMissing      = "slices_missing"
	WarnRetried            = "retried"
	WarnHedged             = "hedged"
)

// RequestWarnings lists every warning that a request can carry, in the order that reports print them.
var RequestWarnings = []WarningMeaning{
	{
		Name: WarnDurationRefused, Meaning: "durations that are negative, not a number or over 1.05 x their span; they are not used",
		Touches: corePhases, Remedy: "bring the engine up to date: its own durations do not fit its spans",
	},
	{
		Name: WarnTextCut, Meaning: "durations whose text is as long as the longest of their span, of which there are several, and has lost its end; they are not used",
		Touches: corePhases, Remedy: "raise the limit: OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT in the sender's environment",
	},
	{
		Name: WarnOverrun, Meaning: "durations that reach up to 5 % beyond their span; they are cut at its end",
		Touches: SetOf(Decode), Bounded: true,
	},
	{
		Name: WarnDurationsDisagree, Meaning: "spans whose stated durations do not fit before their own first token; the earlier ones are cut",
		Touches: SetOf(Queue, Prefill, Frontend), Remedy: "bring the engine up to date: its own durations contradict each other",
	},
	{
		Name: WarnTTFTUnmeasured, Meaning: "times to first token that are the duration of an answer that was not streamed, or counted from after the start; not used",
		Remedy: "stream answers, or trace the engine itself",
	},
	{
		Name: WarnFirstTokenInferred, Meaning: "first tokens placed by the other stated durations, because their own time is not stated",
		Touches: SetOf(Frontend, Stream), Remedy: "trace with an engine that states the time to first token",
	},
	{
		Name: WarnFirstTokenOutside, Meaning: "first tokens that lie outside their request; not used",
		Touches: firstPhases, Remedy: "look at the unit and the clock of the stated time to first token",
	},
	{
		Name: WarnEventsDropped, Meaning: "spans that lost events before they were sent, so the first event kept may not be the first token",
		Remedy: "raise the limit: OTEL_SPAN_EVENT_COUNT_LIMIT in the sender's environment",
	},
	{
		Name: WarnUsageDisagrees, Meaning: "requests whose views state different token counts; the innermost view is used",
		Remedy: "ask the engine for usage in streams too (stream_options.include_usage)",
	},
	{
		Name: WarnClockSkew, Meaning: "client/server pairs whose clocks differ for certain; the server's spans are moved by the estimate",
		Touches: hopPhases, Bounded: true, Remedy: "keep the hosts' clocks in step (NTP, chrony)",
	},
	{
		Name: WarnClockDrift, Meaning: "client/server pairs whose times fit no constant difference between their clocks; nothing is moved",
		Touches: hopPhases | SetOf(Frontend), Remedy: "keep the hosts' clocks in step (NTP, chrony)",
	},
	{
		Name: WarnLegNotJoined, Meaning: "legs of disaggregated requests whose other leg was not found: they have no times of tokens",
		Touches: firstPhases | SetOf(GPUTransfer), Remedy: "trace the router too, so that both legs have one parent",
	},
	{
		Name: WarnSlicesMissing, Meaning: "engine requests without the spans of their scheduler, which name queue, prefill and decode",
		Touches: SetOf(Queue, Prefill), Remedy: "raise the engine's trace level, and let its scheduler processes export too",
	},
	{
		Name: WarnRetried, Meaning: "earlier attempts that failed; their time is phase retry",
		Remedy: "look at the errors of the attempts",
	},
	{
		Name: WarnHedged, Meaning: "calls that were sent again with the same input while the first was running",
	},
}
