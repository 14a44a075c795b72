package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/slowtoken/slowtoken/analyzer/population"
)

// Where requests wait.
const (
	inGateway = "gateway" // it lets in as many as the server computes at once
	inServer  = "server"  // it lets in more
)

// What the analyzer reads.
const (
	bySpans  = "spans"  // of gateway and application
	byClient = "client" // of the application alone
)

// results are all that was measured; the document is made of them.
type results struct {
	Date      time.Time         `json:"date"`
	Command   string            `json:"command"`
	Machine   string            `json:"machine"`
	Device    string            `json:"device"`
	Server    string            `json:"server"`
	Model     string            `json:"model"`
	RulesHash string            `json:"rules_sha256"`
	MaxLag    float64           `json:"max_lag_ms"`
	Seed      uint64            `json:"seed"`
	Faults    map[string]string `json:"faults"` // what was done to the server, by name
	Facts     population.Facts  `json:"facts"`
	Targets   map[string]string `json:"targets"`
	Pace      pace              `json:"pace"`
	Runs      []oneRun          `json:"runs"`
	WhatIf    []slotsCompared   `json:"what_if"`
}

// A oneRun is one run of one fault.
type oneRun struct {
	Fault     string      `json:"fault"`
	Queue     string      `json:"queue"` // where it is
	Seed      uint64      `json:"seed"`
	Seconds   float64     `json:"seconds"` // while requests arrive
	Requests  int         `json:"requests"`
	Refused   int         `json:"refused,omitempty"`
	Pace      float64     `json:"together_per_s"` // of the server, before its round
	LagP99    float64     `json:"lag_p99_ms"`
	Discarded bool        `json:"discarded,omitempty"`
	Why       string      `json:"discarded_because,omitempty"` // it was, if not for requests that were sent late
	BySpans   answer      `json:"by_spans"`
	ByClient  answer      `json:"by_client"`
	Errors    []timeError `json:"errors"`
}

func (r *oneRun) by(what string) *answer {
	if what == byClient {
		return &r.ByClient
	}
	return &r.BySpans
}

// String is a line for whoever watches.
func (r *oneRun) String() string {
	if r.Why != "" {
		return fmt.Sprintf("%-13s queue in %-7s DISCARDED: %s", r.Fault, r.Queue, r.Why)
	}
	text := fmt.Sprintf("%-13s queue in %-7s %3d requests, lag p99 %4.1f ms: %s %v", r.Fault, r.Queue, r.Requests, r.LagP99, r.BySpans.Judgement, r.BySpans.Named)
	if len(r.BySpans.Minor) > 0 {
		text += fmt.Sprintf(" (minor %v)", r.BySpans.Minor)
	}
	text += fmt.Sprintf("; blind: %s %v", r.ByClient.Judgement, r.ByClient.Named)
	if r.Discarded {
		text += "; DISCARDED"
	}
	return text
}

// right counts runs that were not discarded, and those whose answer is right.
func (r *results) right(queue, by string) (n, of int) {
	for i := range r.Runs {
		if one := &r.Runs[i]; one.Queue == queue && !one.Discarded {
			of++
			if j := one.by(by).Judgement; j == right || j == abstained {
				n++
			}
		}
	}
	return n, of
}

// has reports whether there is a run of that fault and seed.
func (r *results) has(fault, queue string, seed uint64) bool {
	return slices.ContainsFunc(r.Runs, func(one oneRun) bool { return one.Fault == fault && one.Queue == queue && one.Seed == seed })
}

// kept counts the runs of a fault with seeds from one on that were not discarded.
func (r *results) kept(fault, queue string, from uint64) (n int) {
	for i := range r.Runs {
		if one := &r.Runs[i]; one.Fault == fault && one.Queue == queue && one.Seed >= from && !one.Discarded {
			n++
		}
	}
	return n
}

// complete reports whether all faults have as many runs that were not discarded.
func (r *results) complete(list []faultCase, queue string, runs int, from uint64) bool {
	return !slices.ContainsFunc(list, func(f faultCase) bool { return r.kept(f.name, queue, from) < runs })
}

// alarms returns the causes that runs of a healthy server name.
func (r *results) alarms() (named []string) {
	for i := range r.Runs {
		if one := &r.Runs[i]; one.Fault == "healthy" && !one.Discarded && one.BySpans.Judgement == wrong {
			named = append(named, one.BySpans.Named[0])
		}
	}
	return named
}

// wilson returns the 95 % interval of a share.
//
// Source: E. B. Wilson, Probable Inference, the Law of Succession, and Statistical Inference, JASA 22, 1927.
func wilson(n, of int) (low, high float64) {
	if of == 0 {
		return 0, 1
	}
	const z = 1.959964
	p, size := float64(n)/float64(of), float64(of)
	middle := (p + z*z/(2*size)) / (1 + z*z/size)
	half := z / (1 + z*z/size) * math.Sqrt(p*(1-p)/size+z*z/(4*size*size))
	return max(0, middle-half), min(1, middle+half)
}

func share(n, of int) string {
	if of == 0 {
		return "none"
	}
	low, high := wilson(n, of)
	return fmt.Sprintf("%d of %d, %.1f %% (%.1f to %.1f)", n, of, 100*float64(n)/float64(of), 100*low, 100*high)
}

// summary is what a run prints at its end.
func (r *results) summary() string {
	var b strings.Builder
	for _, row := range []struct{ queue, by string }{{inGateway, bySpans}, {inServer, bySpans}, {inGateway, byClient}, {inServer, byClient}} {
		if n, of := r.right(row.queue, row.by); of > 0 {
			fmt.Fprintf(&b, "queue in the %-7s read from %-6s right %s\n", row.queue+",", row.by+":", share(n, of))
		}
	}
	late, stuck := r.discarded()
	fmt.Fprintf(&b, "%d of %d runs were discarded because requests were sent late, %d because the server did not answer any more\n", late, len(r.Runs), stuck)
	return b.String()
}

// discarded counts runs whose requests were sent late, and those whose server did not answer any more.
func (r *results) discarded() (late, stuck int) {
	for i := range r.Runs {
		switch {
		case r.Runs[i].Why != "":
			stuck++
		case r.Runs[i].Discarded:
			late++
		}
	}
	return late, stuck
}

// writeFile writes the results to a file, which holds the old ones or the new ones at any instant.
func (r *results) writeFile(path string) error {
	text, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	part := path + ".part"
	if err := os.WriteFile(part, append(text, '\n'), 0o644); err != nil { //nolint:gosec // documentation is for everybody
		return err
	}
	return os.Rename(part, path)
}

func readResults(path string) (*results, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r := &results{}
	if err := json.Unmarshal(text, r); err != nil {
		return nil, fmt.Errorf("read the results in %s: %w", path, err)
	}
	return r, nil
}
