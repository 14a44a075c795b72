package main

import (
	_ "embed"
	"strings"
)

const introduction = `An analyzer that nobody checked is an opinion. Here slow systems are simulated ([simulator.md](simulator.md)), their
telemetry is written down as serving stacks and SDKs would have written it, with each one's losses, and slowtoken says
what is wrong with them. The simulation knows. All runs are SIMULATED: that real systems behave as the simulated ones is
not shown here.

What is held out is held out for the third time. Twice before, a half was held out, its results were looked at, and were
bad: all that was seen in them is for tuning now ("seen" in split.json), each fault, workload, model and device, seed and
intensity. The third half was made by somebody who tunes no rule and ran none on it, and who gave it to nobody before the
rules were frozen: fault types of other mechanisms, workloads, models and devices, seeds, kinds of healthy systems, intensities
between those for tuning (replicas of skewed-router excepted, of which there are only whole ones), and llama.cpp's dialect, which
had no emitter. (By mistake the bare names of three of the fault types could be read in the common tree for four minutes,
without what they do.) TensorRT-LLM's and Vercel's are held out as they were in the second round: nobody looked into a run of
theirs, but the sums and the table of misses of that round were on this page, and their emitters were held against the ledger.
` + "`cmd/groundtruth/split.json`" + ` fixed all of it, and each fault its one label, the rule that should name it (` + "`inference/fault`" + `), and
what each dialect can carry (` + "`cmd/groundtruth/carry.go`" + `), before any result of the new half. What was checked of it without
rules: what each fault costs, that the phase of its label is what gets longer, and that healthy systems meet their targets.

Rules were frozen, and a run of the new half was begun and stopped before it printed anything. Two pieces of work that were
ready before the freeze were then added, the size of findings that hold in several places and telemetry that an SDK's limits
cut, and the rules were frozen again. The new half could be read in the common tree by then; its results could not.

What was changed after the second round's results, in both halves, since it was wrong: a handler that waits for its whole
answer leaves the engine's settings alone; spans that lose attributes count as damaged like those that lose events
(dropped-events), and texts that are cut as durations that cannot be read (inconsistent-durations), where both were labelled
as missing spans; in Triton's dialect, which has no first token, a fault counts by what it costs of E2E; TGI's metrics state
how long prompts and answers are, as the real ones do, and prefix-cache-miss is not asked of it, since it states nowhere what
its cache held.

Each system has an owner who states its targets: the default ones, or, where that is more, one and a half times what the
same system did when it was as it should be. For that it is run once more with a seed of its own: the same workload, model,
device and load without the fault, or the healthy system itself. The owner also states the model, the device and the
server's settings. The truth and all names that tell what is simulated are taken away from the telemetry before the
analyzer sees it; a test shows that its output is the same bytes with and without them.`

const reading = `Named is what a report lists as worth doing something about, first what it puts first: findings that it calls minor
are named by nobody. Accuracy is over single faults that cost at least a tenth of mean E2E or TTFT, measured by running the
same requests without the fault, in foreign dialects that can carry the phase of the label (` + "`cmd/groundtruth/carry.go`" + `);
Triton's has no first token, so there it goes by E2E alone.
No run is discarded for a late schedule: time is virtual, and nothing is late but what is injected.`

const errorsText = `By request, without sign, pooled over faults and healthy runs. The truth is the simulation's own ledger. What is
read is what reports, scores and rules go by: the population's records, where waits at a server's door are booked as its
front end's, which no single trace shows and all requests together do. Where a dialect states the very length, to read it
back proves nothing about the analyzer; what it works out from edges, gaps and remainders does.`

const savingText = `The strongest test: the score of the phase that the fault makes longer says which share of E2E could be won back
there. Mending the fault, under the very same requests, says how much that is in truth. Only faults that leave the load
alone can be mended so. Without a baseline, a score rests on physics and on the best requests of today; with one, on the run
that the owner's targets rest on, as ` + "`slowtoken analyze --baseline`" + ` takes it.`

const recoveryText = `A finding says how much time its requests would win back. Of runs whose right cause is named, that is held against what
mending the fault saved the very same requests: those of the replicas and times that the finding is about. A finding
without a size counts as off.`

const curveText = `Each fault from weak to strong, under one workload on one model and device, two seeds each. In parentheses: the larger of
the shares of mean E2E and TTFT that the fault costs. The 50 % point is interpolated on the logarithm of intensity.`

const baselineText = `They name a phase, not a cause, so slowtoken is compared by its phase here. Runs are those in vLLM's dialect. The
z-score is told what a healthy run of the same workload, model, device and seed looks like, which nobody else is.`

const limits = `## What this does not show

- Simulated systems are simpler than real ones. A rule can be right about all of these and wrong about yours.
- The rules were written by people who had this simulator: some of the fixtures that rules are tested with are faults of it
  at other intensities, seeds and loads. Held out is what split.json says, and no more.
- Emitters that agree with documentation only can be wrong about what a stack really writes.
- Faults of single requests, of disaggregated serving, of tensor parallelism and of speculation are not simulated.
`

// explain says why a wrong answer is given, for those that somebody looked into.
func explain(fault, named string) string {
	for _, e := range explanations {
		if e.fault == fault && (e.named == named || e.named == "*") {
			return e.why
		}
	}
	return "not looked into"
}

// explanations are of frequent misses. A "*" is any answer.
var explanations = []struct{ fault, named, why string }{
	{"long-prompts-alone", "prefill-decode-interference", "true as well: long prompts stall those who decode; the rule does not know which is the cause"},
	{"prefix-break", "prefill-decode-interference", "true as well: what is computed again stalls those who decode"},
	{"log-flush", "", "the rule asks for the median handler, which takes 0.4 ms; one in twenty keeps the loop for seconds. The default targets are met in part of the runs, so that they are even called healthy"},
	{"log-flush", "stream-backpressure", "the loop keeps last tokens back as well as new requests; the rule takes the first for slow readers, and event-loop-blocked, which would be the cause, goes by the median handler"},
	{"kv-squeeze", "queue-saturation", "no rule reads TensorRT-LLM's gauge of its KV cache, trtllm_kv_cache_utilization"},
	{"kv-squeeze", "", "two: waits are 1 % of E2E, 22 % of TTFT, at a cache that is 85 % full; one: no rule reads TensorRT-LLM's gauge of its KV cache"},
	{"logits-processor", "", "a step alone takes 1.94 times the least, the rule asks for 2: it is made for what each step takes, and this grows with the sequences in it"},
	{"logits-processor", "long-output", "a step alone takes 1.96 times the least, the rule asks for 2; 40 ms a token then count as healthy, and what is left is that answers are long"},
	{"overload", "admission-limit", "256 slots are all taken, and the rule holds that there is room for more; in the simulation, E2E is no shorter with 384 or 512"},
	{"overload", "decode-overhead-bound", "a step with one request is worked out from a run in which none is alone: 36.6 ms, where the host in truth takes 1.5"},
	{"input-copy", "", "Triton shows 1 % of computation in copies: what they cost is that everybody's decoding waits for each of them"},
	{"healthy", "prefill-underused", "llama.cpp states input tokens without the cached ones, as the real one does; the reader took the cached ones off once more, and was mended after this run"},
	{"healthy-busy", "prefill-underused", "the same"},
	{"healthy-bursts", "prefill-underused", "the same"},
	{"prefix-break", "", "TensorRT-LLM states no cached tokens, and from 90 requests they could not be worked out"},
	{"new-connections", "prefill-decode-interference", "true as well, and there without the fault: long prompts stall those who decode, by 0.6 to 0.7 s a request in the simulation with the fault and when it is mended. It is named since the fault makes targets be missed, and ranks first since it would win back more"},
	{"slow-tokenizer", "prefill-decode-interference", "true as well, and there without the fault: long prompts stall those who decode, by 0.6 to 0.7 s a request in the simulation with the fault and when it is mended. It is named since the fault makes targets be missed, and ranks first since it would win back more"},
	{"adapters", "prefill-decode-interference", "true as well, and there without the fault: long prompts stall those who decode, by 0.6 to 0.7 s a request in the simulation with the fault and when it is mended. It is named since the fault makes targets be missed, and ranks first since it would win back more"},
	{"slow-network", "prefill-decode-interference", "true as well, and there without the fault: long prompts stall those who decode, by 0.6 to 0.7 s a request in the simulation with the fault and when it is mended. It is named since the fault makes targets be missed, and ranks first since it would win back more"},
}

// frozen says whether the rules are those that were frozen before held-out results were looked at.
func frozen(hash string) string {
	if hash == strings.TrimSpace(frozenRules) {
		return "yes"
	}
	return "**no: they changed since**"
}

// frozenRules is the hash of the rules as they were when somebody first looked at held-out results.
//
//go:embed frozen.sha256
var frozenRules string
