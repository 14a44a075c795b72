package main

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// document is what was measured, for people. It says nothing that is not in the results.
func (r *results) document() string {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	name := map[string]string{onCPU: "ground_truth_real", onCUDA: "ground_truth_gpu"}[r.Device]
	p("<!-- Made of %[1]s.json: go run ./cmd/realtruth --from docs/%[1]s.json --doc docs/%[1]s.md -->", name)
	p("# Ground truth: a real Ollama server")
	p("")
	p("How often slowtoken names the true cause on a real server that is slowed down in known ways, and how far the times that")
	p("it reads are from those of the server's own log. Misses are listed. The same on simulated systems is a page of its own.")
	p("")
	p("| | |")
	p("|---|---|")
	p("| measured | %s |", r.Date.Format("2006-01-02 15:04 UTC"))
	p("| on | %s; computed on the %s |", r.Machine, r.Device)
	p("| server | %s, OLLAMA_NUM_PARALLEL=%d, a model of random weights (%s) |", r.Server, parallel, r.Model)
	p("| the server answers | %.1f requests a second with %d at once, %.1f one at a time; %.2f ms for each more token of an answer |", r.Pace.Together, parallel, r.Pace.Alone, r.Pace.Token)
	p("| command | `%s` |", r.Command)
	p("| rules | sha256 `%s` |", r.RulesHash)
	p("| facts stated, in all runs | %s |", pairs(r.Facts))
	p("| targets, in all runs | %s |", pairs(r.Targets))
	p("")
	if r.Device == onCPU {
		p("GPU: not yet measured. `make ground-truth-gpu OLLAMA=FILE` runs the same with a server that has a CUDA backend, and stops")
		p("unless that server's log says that the model is on a GPU.")
		p("")
	}
	r.writeHow(p)
	r.writeAnswers(p)
	r.writeRuns(p)
	r.writeTimes(p)
	r.writeSlots(p)
	return b.String()
}

func pairs[M ~map[string]string](m M) string {
	var list []string
	for _, key := range slices.Sorted(maps.Keys(m)) {
		list = append(list, "`"+key+"="+m[key]+"`")
	}
	return strings.Join(list, " ")
}

func (r *results) writeHow(p func(string, ...any)) {
	late, stuck := r.discarded()
	least, most := r.rounds()
	fewer := ""
	if least < 10 {
		fewer = "; fewer than ten are not enough to hold anybody to"
	}
	p("Each fault has %s runs with the queue in the gateway%s%s.", fromTo(least, most), fewer, r.left())
	p("Requests come at their times, whether or not earlier ones are answered; a run whose requests were sent over %g ms late", r.MaxLag)
	p("at the 99th percentile measures the load generator: it is discarded, and where time is left another one made, with a seed of its own. That")
	p("happened to %d of %d. A server that leaves a request without an answer for %g s has lost a place for it (ollama#17131): it is", late, len(r.Runs), answerTime.Seconds())
	p("started again, and the run counts for nothing, which happened to %d. Prompts begin with the same %d tokens, which the server caches, and go on for %d to %d more; answers", stuck, sharedTokens, leastTokens, leastTokens+3*differentLengths)
	p("have %d tokens unless the fault says otherwise. The queue is in the gateway, which lets in as many as the server computes", outputTokens)
	p("at once, or in the server, when the gateway lets in %d. Each run is read twice: from the spans of application and gateway,", wideSlots)
	p("and blind, from the application's own spans as the GenAI conventions have them.")
	p("")
	p("How many requests a run has follows from what rules need to decide at all: 20 to fit prefill on prompt length, 30 of each")
	p("server to compare it with another, as many as let the 95th percentile of E2E be told from its target. Intensities and")
	p("lengths were settled in trial runs with lower seeds, and rules were changed after some of those. Seeds here begin with")
	p("%d, and rules are as they were before the first of these runs. What the server can serve is measured before each round,", r.Seed)
	p("as other programs may run on the machine. `.ci/realtruth` gives load generator and gateway one processor, and the servers")
	p("the others.")
	p("")
	p("A processor that is taken away is told by comparing servers, as none says of itself what it could do: `cpu-hog` has two,")
	p("whose requests take turns. Beside the only server it cannot be told from a slow processor by traces.")
	p("")
}

// fromTo writes a range.
func fromTo(least, most int) string {
	if least == most {
		return strconv.Itoa(least)
	}
	return fmt.Sprintf("%d to %d", least, most)
}

// requests is how many requests runs of a fault have.
func (r *results) requests(fault string) string {
	least, most := 0, 0
	for i := range r.Runs {
		if one := &r.Runs[i]; one.Fault == fault && !one.Discarded {
			if least == 0 {
				least = one.Requests
			}
			least, most = min(least, one.Requests), max(most, one.Requests)
		}
	}
	return fromTo(least, most)
}

// rounds is how many runs faults have with the queue in the gateway that were not discarded.
func (r *results) rounds() (least, most int) {
	counts := map[string]int{}
	for i := range r.Runs {
		if r.Runs[i].Queue == inGateway && !r.Runs[i].Discarded {
			counts[r.Runs[i].Fault]++
		}
	}
	least = len(r.Runs)
	for i := range cases {
		if r.ran(cases[i].name) {
			least, most = min(least, counts[cases[i].name]), max(most, counts[cases[i].name])
		}
	}
	return least, most
}

// ran reports whether there is any run of the fault.
func (r *results) ran(fault string) bool {
	return slices.ContainsFunc(r.Runs, func(one oneRun) bool { return one.Fault == fault })
}

// left lists the faults that were not run.
func (r *results) left() string {
	var list []string
	for i := range cases {
		if !r.ran(cases[i].name) {
			list = append(list, cases[i].name)
		}
	}
	if len(list) == 0 {
		return ""
	}
	return "; not run were " + strings.Join(list, ", ")
}

func (r *results) writeAnswers(p func(string, ...any)) {
	p("## How often the cause is right")
	p("")
	p("Right is the registered label, named first among findings that are not minor; of healthy runs, nothing. Where telemetry")
	p("cannot carry the phase of a fault, to name nothing is right, and is counted apart. Intervals are Wilson's, 95 %%.")
	p("")
	p("| queue | read from | right | of that, rightly silent | wrong cause named |")
	p("|---|---|---|---|---|")
	for _, queue := range []string{inGateway, inServer} {
		for _, by := range []string{bySpans, byClient} {
			good, of := r.right(queue, by)
			if of == 0 {
				continue
			}
			p("| in the %s | %s | %s | %d | %d |", queue, readFrom[by], share(good, of), r.count(queue, by, "", abstained), r.count(queue, by, "", wrong))
		}
	}
	p("")
}

var readFrom = map[string]string{bySpans: "application and gateway", byClient: "application alone"}

// count counts runs of a fault with that judgement; an empty name is all faults.
func (r *results) count(queue, by, fault string, j judgement) (n int) {
	for i := range r.Runs {
		if one := &r.Runs[i]; !one.Discarded && one.Queue == queue && (fault == "" || one.Fault == fault) && one.by(by).Judgement == j {
			n++
		}
	}
	return n
}

func (r *results) writeRuns(p func(string, ...any)) {
	p("## Fault by fault")
	p("")
	p("Read from application and gateway with the queue in the gateway; then with the queue in the server; then blind, of both.")
	p("Silent runs name nothing although the telemetry could carry it.")
	p("")
	p("| fault | what | label | requests | right | wrong | silent | what wrong runs name first | queue in the server | blind |")
	p("|---|---|---|---|---|---|---|---|---|---|")
	for i := range cases {
		f := &cases[i]
		if !r.ran(f.name) {
			continue
		}
		label := "none"
		if len(f.label.Rules) > 0 {
			label = strings.Join(f.label.Rules, ", ")
		}
		p("| %s | %s | %s | %s | %d | %d | %d | %s | %s | %s |", f.name, r.Faults[f.name], label, r.requests(f.name),
			r.count(inGateway, bySpans, f.name, right), r.count(inGateway, bySpans, f.name, wrong), r.count(inGateway, bySpans, f.name, silent),
			r.instead(f.name), r.tally(f.name, bySpans, inServer), r.tally(f.name, byClient, inGateway, inServer))
	}
	p("")
}

// instead lists what is named first in runs whose answer is wrong.
func (r *results) instead(fault string) string {
	counts := map[string]int{}
	for i := range r.Runs {
		if one := &r.Runs[i]; !one.Discarded && one.Queue == inGateway && one.Fault == fault && one.BySpans.Judgement == wrong {
			counts[one.BySpans.Named[0]]++
		}
	}
	var list []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		list = append(list, fmt.Sprintf("%s %d", name, counts[name]))
	}
	return strings.Join(list, ", ")
}

// tally counts judgements.
func (r *results) tally(fault, by string, queues ...string) string {
	var list []string
	for _, j := range []judgement{right, abstained, silent, wrong} {
		n := 0
		for _, queue := range queues {
			n += r.count(queue, by, fault, j)
		}
		if n > 0 {
			list = append(list, fmt.Sprintf("%d %s", n, j))
		}
	}
	return strings.Join(list, ", ")
}

func (r *results) writeTimes(p func(string, ...any)) {
	p("## How far times are off")
	p("")
	p("What the analyzer reads from the spans of application and gateway, against truth from elsewhere: the server's debug log,")
	p("which has milliseconds, the clock of the relay that delays what is in the network, and the clock of the load generator,")
	p("which is not in the telemetry. Within is within 5 ms or 2 %% of the truth beside it; a moment is held against the duration of its request.")
	p("Prompts of one length are told apart by nothing in the log, and are left out.")
	p("")
	p("| what | truth from | n | within | off by, mean | p95 of a run, mean | truth, mean |")
	p("|---|---|---|---|---|---|---|")
	for _, what := range []string{prefillStart, loadEnd, serverWait, networkTime, retryTime} {
		var n, within int
		var mean, p95, truth float64
		for i := range r.Runs {
			for _, e := range r.Runs[i].Errors {
				if e.What == what && !r.Runs[i].Discarded {
					n, within = n+e.N, within+e.Within
					mean, p95, truth = mean+e.Mean*float64(e.N), p95+e.P95*float64(e.N), truth+e.Truth*float64(e.N)
				}
			}
		}
		if n > 0 {
			p("| %s | %s | %d | %.1f %% | %.1f ms | %.1f ms | %.1f ms |", what, truthFrom[what], n, 100*float64(within)/float64(n), mean/float64(n), p95/float64(n), truth/float64(n))
		}
	}
	p("")
}

var truthFrom = map[string]string{
	prefillStart: "the server's log", loadEnd: "the server's log", serverWait: "the server's log", networkTime: "the relay", retryTime: "the load generator, by whose clock its spans are made: a round trip, which proves nothing",
}

func (r *results) writeSlots(p func(string, ...any)) {
	if len(r.WhatIf) == 0 {
		return
	}
	p("## One slot and four")
	p("")
	p("The same requests to a server that computes one at a time and to one that computes four, and what `whatif --slots` says")
	p("of each from the telemetry of the other. E2E. On a CPU, where all share the same cores, a request takes longer beside")
	p("others than alone: by %.2f of its time for each other one, as the server answered beforehand, several at once beside", r.WhatIf[0].Slower)
	p("one at a time. One slot shows nothing of that, so that it is stated: `--fact slower_per_neighbour=%.2f`.", r.WhatIf[0].Slower)
	p("")
	p("| seed | from | to | quantile | observed before | what-if says | really | off by |")
	p("|---|---|---|---|---|---|---|---|")
	var misses []float64
	for _, s := range r.WhatIf {
		said, off := "abstains: "+s.Why, ""
		if s.Why == "" {
			said, off = fmt.Sprintf("%.0f ms", s.Said), fmt.Sprintf("%+.0f ms, %+.0f %%", s.Said-s.Real, 100*(s.Said/s.Real-1))
			if s.LagP99 > r.MaxLag {
				off += ", of requests that were sent late"
			} else {
				misses = append(misses, 100*math.Abs(s.Said/s.Real-1))
			}
		}
		p("| %d | %d | %d | p%.0f | %.0f ms | %s | %.0f ms | %s |", s.Seed, s.From, s.To, 100*s.P, s.Before, said, s.Real, off)
	}
	p("")
	if n := len(misses); n > 0 {
		slices.Sort(misses)
		p("Of %d that it says where no requests were sent late, half are off by up to %.0f %%, and all by up to %.0f %%; of %d it says nothing.", n, misses[(n-1)/2], misses[n-1], r.silentSlots())
		p("")
	}
}

// silentSlots counts the what-ifs that abstain.
func (r *results) silentSlots() (n int) {
	for i := range r.WhatIf {
		if r.WhatIf[i].Why != "" {
			n++
		}
	}
	return n
}
