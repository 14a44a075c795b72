package main

import (
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/inference/arrival"
	"github.com/slowtoken/slowtoken/inference/fault"
)

// A faultCase is one way in which the real server is slow. What the right answer is was registered in package fault
// before anybody looked at a result.
type faultCase struct {
	name, doc string
	label     fault.Label

	requests         int                                              // of the usual kind that are to arrive, about; which takes leastTime to mostTime
	share            float64                                          // of what the server can serve, that arrives
	load             func(rate float64, length int64) arrival.Process // another process than Poisson; rate is share of what can be served
	answers          answers                                          // none is usual
	more             int                                              // tokens of each prompt
	nonce            bool                                             // stands before what prompts share
	long             float64                                          // share of the time that prefill of prompts of longTokens takes, which come evenly beside the others
	unload           bool                                             // the model after each answer
	slots            int                                              // of the gateway; 0 is as many as the server has
	delay            time.Duration                                    // each way between client and gateway
	refuse           float64                                          // share of attempts that are answered with 503
	backoff, reading time.Duration                                    // of the client
	servers          int                                              // that take turns; 0 is one
	stops            stops                                            // of the last server
}

// The usual load, and what faults do to it.
const (
	sharedTokens     = 150 // that all prompts begin with
	leastTokens      = 6   // behind that
	differentLengths = 60
	outputTokens     = 24
	longTokens       = 800
	refuseAfter      = 60 * time.Millisecond
)

// cases lists them.
var cases = []faultCase{
	{name: "healthy", doc: "a third of what the server can serve", requests: 60, share: 0.35},
	{name: "queue-limit", doc: "the gateway lets one request at a time into a server that computes four", requests: 120, share: 0.95, slots: 1, label: labelOf("queue-limit")},
	{name: "overload", doc: "1.4 times what can be served arrives", requests: 200, share: 1.4, label: labelOf("overload")},
	{name: "burst", doc: "40 requests come within 0.2 s, twice, on top of a third of what can be served", requests: 70, share: 0.35, load: burst, label: labelOf("burst")},
	{name: "long-prompts", doc: "prompts of 800 tokens, which take 30 % of the time, among short ones that come three at once, with answers of 300", requests: 34, share: 0.4, load: threes, long: 0.3, answers: answers{300, 0.1}, label: labelOf("long-prompts")},
	{name: "long-output", doc: "answers of 200 tokens in the median, some far longer", requests: 48, share: 0.4, answers: answers{200, 0.9}, label: labelOf("long-output")},
	{name: "cold-load", doc: "the model is unloaded after every answer", requests: 10, share: 0.07, load: evenly, unload: true, label: labelOf("cold-load")},
	{name: "slow-network", doc: "60 ms more each way between client and gateway", requests: 54, share: 0.35, delay: 60 * time.Millisecond, label: labelOf("slow-network")},
	{name: "slow-reader", doc: "the client takes 5 ms over each line of an answer of 250 tokens", requests: 20, share: 0.6, answers: answers{250, 0.1}, reading: 5 * time.Millisecond, label: labelOf("slow-reader")},
	{name: "cpu-hog", doc: "the second of two servers has half of its CPU time: its processes are stopped for 10 of every 20 ms, as by a quota or on a full host", requests: 100, share: 0.25, servers: 2, stops: stops{10 * time.Millisecond, 20 * time.Millisecond}, label: fault.Label{Rules: []string{"noisy-neighbour"}, Phase: analyzer.Decode}},
	{name: "prefix-break", doc: "a nonce stands before the 150 tokens that all prompts share", requests: 60, share: 0.25, nonce: true, label: labelOf("prefix-break")},
	{name: "retries", doc: "30 % of attempts are answered with 503 after 60 ms, and tried again after 150 ms", requests: 54, share: 0.35, refuse: 0.3, backoff: 150 * time.Millisecond, label: labelOf("retries")},
	{name: "pause", doc: "the server's processes are stopped (SIGSTOP) for 300 ms every 1.5 s", requests: 48, share: 0.7, answers: answers{250, 0.1}, stops: stops{300 * time.Millisecond, 1500 * time.Millisecond}, label: labelOf("pause")},
}

// However fast the server is, requests arrive for so long.
const (
	leastTime = 6 * time.Second
	mostTime  = 40 * time.Second
)

// length is how long requests arrive at a server that can serve so many a second.
func (f *faultCase) length(rate float64) time.Duration {
	return min(mostTime, max(leastTime, time.Duration(float64(f.requests)/(f.share*rate)*1e9)))
}

// labelOf returns the label that package fault registered for the fault of that name.
func labelOf(name string) fault.Label {
	i := slices.IndexFunc(fault.Faults, func(f fault.Fault) bool { return f.Name == name && slices.Contains(f.Backends, fault.Ollama) })
	return fault.Faults[i].Label
}

func burst(rate float64, length int64) arrival.Process {
	return arrival.Bursts(rate, 40, length/3+1, 200e6)
}

// threes lets three come at once, over and over: enough streams for others to stall, and room for one more.
func threes(rate float64, _ int64) arrival.Process {
	return func(r *rand.Rand) iter.Seq[int64] {
		return func(yield func(int64) bool) {
			for at := range arrival.Constant(rate / 3)(r) {
				for range 3 {
					if !yield(at) {
						return
					}
				}
			}
		}
	}
}

func evenly(rate float64, _ int64) arrival.Process { return arrival.Constant(rate) }

// answers are lengths of answers in tokens, lognormally distributed.
type answers struct{ median, sigma float64 }

func (a answers) draw(r *rand.Rand) int {
	if a.median == 0 {
		return outputTokens
	}
	return max(1, int(a.median*math.Exp(a.sigma*r.NormFloat64())))
}

func (a answers) mean() float64 {
	if a.median == 0 {
		return outputTokens
	}
	return a.median * math.Exp(a.sigma*a.sigma/2)
}

func caseNames() (names []string) {
	for i := range cases {
		names = append(names, cases[i].name)
	}
	return names
}

// choose returns the cases with these names, or all.
func choose(names string) (chosen []faultCase, err error) {
	if names == "" {
		return cases, nil
	}
	for name := range strings.SplitSeq(names, ",") {
		i := slices.IndexFunc(cases, func(c faultCase) bool { return c.name == strings.TrimSpace(name) })
		if i < 0 {
			return nil, fmt.Errorf("--only %s: want some of %s", name, strings.Join(caseNames(), ", "))
		}
		chosen = append(chosen, cases[i])
	}
	return chosen, nil
}
