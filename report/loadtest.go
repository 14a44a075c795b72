package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// A LoadTest is what a load generator did and saw, step by step.
type LoadTest struct {
	Source  string     `json:"source"` // the file that says so
	Name    string     `json:"name"`   // of the scenario
	Target  string     `json:"target"` // what was tested, and with which model
	Started time.Time  `json:"started"`
	Mix     []string   `json:"mix"` // of requests by size, in words
	Steps   []LoadStep `json:"steps"`
	// Breaking says in one sentence which load is sustained and which is not; empty where the test did not look for it.
	Breaking string   `json:"breaking,omitempty"`
	Warnings []string `json:"warnings"`
}

// A LoadStep is one load. Times are nanoseconds; what is absent was not measured.
type LoadStep struct {
	Load      string   `json:"load"` // in words, such as "4 users" or "2.5 requests/s"
	Duration  int64    `json:"duration_ns"`
	Sent      int      `json:"sent"`
	Failed    int      `json:"failed"`
	Requests  float64  `json:"requests_per_second"` // that ended well
	Tokens    float64  `json:"output_tokens_per_second"`
	InFlight  float64  `json:"mean_in_flight"`
	TTFT50    *float64 `json:"ttft_p50_ns,omitempty"`
	TTFT95    *float64 `json:"ttft_p95_ns,omitempty"`
	E2E95     *float64 `json:"e2e_p95_ns,omitempty"`
	Sustained string   `json:"sustained,omitempty"` // "sustained" or "broken", where a sweep judges it
	Why       []string `json:"why,omitempty"`       // it is broken
}

// LoadTestSchema is what slowtoken loadtest writes, as far as [ReadLoadTest] needs it.
const LoadTestSchema = "slowtoken.loadtest/1"

// ErrNoLoadTest says that a file is no load test.
var ErrNoLoadTest = errors.New("it is no result of slowtoken loadtest (schema " + LoadTestSchema + ")")

// loadFile is the part of a load test's result that a report shows.
type loadFile struct {
	Schema  string    `json:"schema"`
	Started time.Time `json:"started"`
	Target  struct {
		API   string `json:"api"`
		Model string `json:"model"`
	} `json:"target"`
	Plan struct {
		Name    string `json:"name"`
		Prompts []struct {
			Name   string  `json:"name"`
			Share  float64 `json:"share"`
			Prompt int     `json:"prompt"`
			Output int     `json:"output"`
		} `json:"prompts"`
	} `json:"plan"`
	Steps []struct {
		Rate     float64 `json:"rate"`
		Users    int     `json:"users"`
		Window   int64   `json:"window"`
		Sent     int     `json:"sent"`
		Failed   int     `json:"failed"`
		Measures []struct {
			Name      string `json:"name"`
			From      string `json:"from"`
			Quantiles []struct {
				P     float64 `json:"p"`
				Value float64 `json:"value"`
			} `json:"quantiles"`
		} `json:"measures"`
		Throughput struct {
			Requests float64 `json:"requests"`
			Output   float64 `json:"output_tokens"`
		} `json:"throughput"`
		InFlight struct {
			Mean float64 `json:"mean"`
		} `json:"in_flight"`
		Verdict string   `json:"verdict"`
		Why     []string `json:"why"`
	} `json:"steps"`
	Breaking *struct {
		Sustained float64 `json:"sustained"`
		Broken    float64 `json:"broken"`
		Why       string  `json:"why"`
	} `json:"breaking_point"`
	Warnings []string `json:"warnings"`
}

// ReadLoadTest reads what slowtoken loadtest saved as JSON.
func ReadLoadTest(in io.Reader) (*LoadTest, error) {
	var f loadFile
	if err := json.NewDecoder(in).Decode(&f); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoLoadTest, err)
	}
	if f.Schema != LoadTestSchema {
		return nil, ErrNoLoadTest
	}
	t := &LoadTest{Name: f.Plan.Name, Target: strings.TrimSpace(f.Target.Model + " over " + f.Target.API), Started: f.Started.UTC(), Mix: []string{}, Steps: []LoadStep{}, Warnings: append([]string{}, f.Warnings...)}
	for _, p := range f.Plan.Prompts {
		t.Mix = append(t.Mix, strings.TrimSpace(fmt.Sprintf("%s %s of %d prompt tokens and up to %d tokens of answer", p.Name, Percent(p.Share), p.Prompt, p.Output)))
	}
	for i := range f.Steps {
		s := &f.Steps[i]
		step := LoadStep{Load: rateText(s.Rate), Duration: s.Window, Sent: s.Sent, Failed: s.Failed, Requests: s.Throughput.Requests, Tokens: s.Throughput.Output, InFlight: s.InFlight.Mean, Sustained: s.Verdict, Why: s.Why}
		if s.Users > 0 {
			step.Load = plural(s.Users, "user")
		}
		for _, m := range s.Measures {
			for _, q := range m.Quantiles {
				at := map[string]**float64{"TTFT 0.5": &step.TTFT50, "TTFT 0.95": &step.TTFT95, "E2E 0.95": &step.E2E95}[fmt.Sprintf("%s %g", m.Name, q.P)]
				// Times from the plan hold the waits that a slow server causes in the load generator: they come first.
				if at != nil && (*at == nil || m.From == "plan") {
					*at = &q.Value
				}
			}
		}
		t.Steps = append(t.Steps, step)
	}
	if b := f.Breaking; b != nil {
		switch {
		case b.Sustained > 0 && b.Broken > 0:
			t.Breaking = fmt.Sprintf("%s are sustained, %s are not: %s.", capital(rateText(b.Sustained)), rateText(b.Broken), b.Why)
		case b.Broken > 0:
			t.Breaking = fmt.Sprintf("No rate was sustained; the lowest, %s, was not: %s.", rateText(b.Broken), b.Why)
		case b.Sustained > 0:
			t.Breaking = fmt.Sprintf("It did not break: %s are sustained, and more was not tried.", rateText(b.Sustained))
		}
	}
	return t, nil
}

func rateText(rate float64) string {
	if rate == 0 {
		return "as planned"
	}
	return fmt.Sprintf("%.3g requests/s", rate)
}
