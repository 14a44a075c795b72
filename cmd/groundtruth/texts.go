package main

import (
	_ "embed"
	"strings"
)

const introduction = `An analyzer that nobody checked is an opinion. Here slow systems are simulated ([simulator.md](simulator.md)), their
telemetry is written down as serving stacks and SDKs would have written it, with each one's losses, and slowtoken says
what is wrong with them. The simulation knows. All runs are SIMULATED: that real systems behave as the simulated ones is
not shown here.

Before any held-out result was looked at, ` + "`cmd/groundtruth/split.json`" + ` fixed which faults, intensities, workloads, models and
devices, dialects and seeds rules may be tuned on, and which are held out. The length of runs and what dialects have not got
were set after results for tuning had been seen; answers about healthy systems were seen in both halves. Each fault has one label, the rule that should
name it (` + "`inference/fault`" + `). The truth and all names that tell what is simulated are taken away from the telemetry
before the analyzer sees it; a test shows that its output is the same bytes with and without them.`

const reading = `Named is what a report lists as worth doing something about, first what it puts first: findings that it calls minor
are named by nobody. Accuracy is over single faults that cost at least a tenth of mean E2E or TTFT, measured by running the
same requests without the fault, in foreign dialects that can carry the phase of the label (` + "`cmd/groundtruth/carry.go`" + `).
No run is discarded for a late schedule: time is virtual, and nothing is late but what is injected.`

const errorsText = `By request, without sign, pooled over faults and healthy runs. The truth is the simulation's own ledger. Where a
dialect states the very length, to read it back proves nothing about the analyzer; what it works out from edges, gaps and
remainders does.`

const savingText = `The strongest test: the score of the phase that the fault makes longer says which share of E2E could be won back
there. Mending the fault, under the very same requests, says how much that is in truth. Only faults that leave the load
alone can be mended so.`

const curveText = `Each fault from weak to strong, under one workload on one model and device, two seeds each. In parentheses: the larger of
the shares of mean E2E and TTFT that the fault costs. The 50 % point is interpolated on the logarithm of intensity.`

const baselineText = `They name a phase, not a cause, so slowtoken is compared by its phase here. Runs are those in vLLM's dialect. The
z-score is told what a healthy run of the same workload, model, device and seed looks like, which nobody else is.`

const limits = `## What this does not show

- Simulated systems are simpler than real ones. A rule can be right about all of these and wrong about yours.
- The rules were written by people who had this simulator: some of the fixtures that rules are tested with are faults of it
  at other intensities, seeds and loads. Held out is what split.json says, and no more.
- Some systems that are called healthy here miss a default target: long answers on a slow device take over 10 s. To name
  long-output there counts as a false alarm, though it says what is true. It is most of them.
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
	{"long-prompts-alone", "", "every target is met, and its rule speaks only while one is missed"},
	{"long-prompts-alone", "prefill-decode-interference", "true as well: long prompts stall those who decode; the rule does not know which is the cause"},
	{"prefix-break", "prefill-decode-interference", "true as well: what is computed again stalls those who decode"},
	{"eager", "*", "its rule wants a TPOT that does not depend on the batch, or requests that decode without foreign prefill; few do"},
	{"overload", "*", "the token budget of steps binds and no number of slots, so that the replay of waits abstains, and its rule with it"},
	{"slow-tokenizer", "*", "requests wait for the tokenizer, so that prompt length explains too little of the time before the queue"},
	{"blocked-loop", "*", "its witnesses, the monitor's visits, come every 15 s: too few meet a blocked loop"},
	{"queue-limit", "queue-saturation", "the number in service varies by more than the 5 % that its rule allows of a plateau"},
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
