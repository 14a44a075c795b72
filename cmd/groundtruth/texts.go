package main

import (
	_ "embed"
	"strings"
)

const introduction = `An analyzer that nobody checked is an opinion. Here slow systems are simulated ([simulator.md](simulator.md)), their
telemetry is written down as serving stacks and SDKs would have written it, with each one's losses, and slowtoken says
what is wrong with them. The simulation knows. All runs are SIMULATED: that real systems behave as the simulated ones is
not shown here.

What is held out is held out for the fifth time. Four times before, a half was held out, its results were looked at, and were
short of the targets: all that was seen in them is for tuning now ("seen" in split.json, by rounds), each fault, workload, model and
device, kind of healthy system, seed and intensity, and llama.cpp's dialect. After the fourth round thirteen more fault types
(` + "`inference/fault/operations.go`" + `) were made for tuning alone, and a threshold of noisy-neighbour (min_sure, 2.58) was chosen after
missed runs for tuning had been seen.

The fifth half was made by somebody who tunes no rule and ran none on it, while rules were tuned, in a copy that nobody else read,
and was published once the rules were frozen: eight fault types of other mechanisms, with eight different labels, two workloads,
two models and devices, seeds, a kind of healthy system, pairs, and for each other fault one or two intensities between those for
tuning. Queue-limit, skewed-router, sticky-router, cut-attributes and cut-texts have whole steps only, none is left between, and
theirs lie beyond. It was made a second time: a first version was lost before use, of which the one who puts pieces together had
seen five names of mechanisms, and none of these is used. Of this one he saw subject lines of commits and names of files, which
say that something has to do with quotas, with buffers and with what clients allow, and changed no rule for it. Between the freeze
of the rules and the run, before the half was published, one piece of the analyzer was taken back where runs for tuning had got
worse with it: rounds of admission in dialects that do not tell prefill apart. TensorRT-LLM's and Vercel's dialects are held out
as before: nobody looked into a run of theirs, but their sums and misses of three rounds were on this page.
` + "`cmd/groundtruth/split.json`" + ` fixed all of it, and each fault its one label, the rule that should name it (` + "`inference/fault`" + `), and
what each dialect can carry (` + "`cmd/groundtruth/carry.go`" + `), before any result of the new half. What was checked of it without
rules, in all 396 runs with one fault: what each fault costs; that the phase of its label is what gets longer most, on the path to the
first token or on that to the last; and, in 440 runs, that healthy systems meet their targets. Intensities that cost too little were
then made stronger, and one of the workloads lighter, under which more healthy runs missed a target; 4 still do, and count nowhere.
Two runs of kept-sessions cost nothing, since shared beginnings of prompts are most of what is kept, and are not counted. 27 of the
other 394 meet all targets of their owners all the same, and count.

Three labels were doubted after the third round, since the same misses came again, and were looked into in the simulation;
all three stand. Stalls by long prompts are in every run of one healthy system, which meets the default targets with them:
they are not what makes it miss others. More slots than 256 win an overloaded system as good as nothing of E2E (41.0 s;
40.3 with 320, 41.5 with 384, 52.6 with 512). And Triton states enough to see what copies of inputs cost: a request's own,
and those of others within its computation, are 78 to 98 % of it. After the fourth round's results, network is compared
together with client: what lies outside the server's extent is network, and no span says when an answer that a client
reads late had come. After the fifth round's, a fault counts by what it costs of the first token as far as its dialect
states that token: engines' spans state when the server had it, and none when its caller had it, so that a proxy that
keeps it back can be seen in none of them. With the fifth half one emitter was corrected, in all halves: that of the GenAI
conventions called every failed attempt a 503, and states its status now.

What was changed after the second round's results, in all halves, since it was wrong: a handler that waits for its whole
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

// explanations are of frequent misses of the half that is held out, for those that somebody looked into. A "*" is any answer.
var explanations []struct{ fault, named, why string }

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
