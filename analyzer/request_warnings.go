package analyzer

// The names of doubts about the telemetry of a request, as [Request.Warnings] counts them.
const (
	WarnUsageDisagrees     = "usage_disagrees"
	WarnDurationRefused    = "duration_refused"
	WarnOverrun            = "overrun"
	WarnDurationsDisagree  = "durations_disagree"
	WarnTTFTUnmeasured     = "ttft_unmeasured"
	WarnFirstTokenInferred = "first_token_inferred"
	WarnFirstTokenOutside  = "first_token_outside"
	WarnEventsDropped      = "events_dropped"
	WarnClockSkew          = "clock_skew"
	WarnClockDrift         = "clock_drift"
	WarnLegNotJoined       = "leg_not_joined"
	WarnRetried            = "retried"
	WarnHedged             = "hedged"
)

// RequestWarnings lists every warning that a request can carry, in the order that reports print them.
var RequestWarnings = []WarningMeaning{
	{WarnDurationRefused, "durations that are negative, not a number or over 1.05 x their span; they are not used"},
	{WarnOverrun, "durations that reach up to 5 % beyond their span; they are cut at its end"},
	{WarnDurationsDisagree, "spans whose stated durations do not fit before their own first token; the earlier ones are cut"},
	{WarnTTFTUnmeasured, "times to first token that are the whole duration of an answer that was not streamed; not used"},
	{WarnFirstTokenInferred, "first tokens placed by the other stated durations, because their own time is not stated"},
	{WarnFirstTokenOutside, "first tokens that lie outside their request; not used"},
	{WarnEventsDropped, "spans that lost events before they were sent, so the first event kept may not be the first token"},
	{WarnUsageDisagrees, "requests whose views state different token counts; the innermost view is used"},
	{WarnClockSkew, "client/server pairs whose clocks differ for certain; the server's spans are moved by the estimate"},
	{WarnClockDrift, "client/server pairs whose times fit no constant difference between their clocks; nothing is moved"},
	{WarnLegNotJoined, "legs of disaggregated requests, which are not joined: each states no times of tokens"},
	{WarnRetried, "earlier attempts that failed; their time is phase retry"},
	{WarnHedged, "calls that were sent again with the same input while the first was running"},
}
