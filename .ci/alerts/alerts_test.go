// Package alerts lets Prometheus read the alert rules that slowtoken writes, and sees each of them fire and stay quiet.
package alerts

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/rules"
)

// stacks are the files of golden rules.
var stacks = []string{"vllm", "sglang", "tgi", "triton", "ollama"}

// A load is how a server does, made up but for Ollama's, of which there is a recording by that name, for each minute of half an hour: histograms and counters grow by what these say.
type load struct {
	name                               string
	first, token, whole, wait, prefill float64 // seconds that a request takes for each
	failed                             int     // of 100 requests a minute
	waiting, preempted                 int
	cache                              float64
}

var (
	calm = load{name: "calm", first: .2, token: .02, whole: 2, wait: .01, prefill: .1, cache: .4}
	bad  = load{name: "overloaded", first: 8, token: .3, whole: 60, wait: 6, prefill: 2, failed: 20, waiting: 30, preempted: 40, cache: .97}
)

func TestAlertsFireAndStayQuiet(t *testing.T) {
	for _, stack := range stacks {
		t.Run(stack, func(t *testing.T) {
			list := readRules(t, stack)
			for _, r := range list {
				if state := stateAfter(t, stack, r, calm); state != rules.StateInactive {
					t.Errorf("%s is %v on a server that does well", r.Alert, state)
				}
				if state := stateAfter(t, stack, r, bad); state != rules.StateFiring {
					t.Errorf("%s is %v on a server that does badly: %s", r.Alert, state, r.Expr)
				}
			}
		})
	}
}

// readRules reads a golden file as Prometheus does.
func readRules(t *testing.T, stack string) (list []rulefmt.Rule) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "report", "testdata", "alerts", stack+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	groups, errs := rulefmt.Parse(text, false, model.UTF8Validation)
	for _, err := range errs {
		t.Error(err)
	}
	for _, g := range groups.Groups {
		list = append(list, g.Rules...)
	}
	if len(list) < 4 {
		t.Fatalf("%d rules of %s", len(list), stack)
	}
	return list
}

// stateAfter evaluates a rule every minute over half an hour of a server that does as l says.
func stateAfter(t *testing.T, stack string, r rulefmt.Rule, l load) rules.AlertState {
	t.Helper()
	storage := promqltest.LoadedStorage(t, "load 1m\n"+strings.Join(series(t, stack, l), "\n"))
	defer storage.Close()
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 1e6, Timeout: time.Minute})
	defer engine.Close()
	expr, err := parser.ParseExpr(r.Expr)
	if err != nil {
		t.Fatal(err)
	}
	alert := rules.NewAlertingRule(r.Alert, expr, time.Duration(r.For), 0, labels.FromMap(r.Labels), labels.FromMap(r.Annotations), labels.EmptyLabels(), "", true, slog.New(slog.DiscardHandler))
	state := rules.StateInactive
	for minute := range 31 {
		at := time.Unix(int64(60*minute), 0)
		if _, err := alert.Eval(t.Context(), 0, at, rules.EngineQueryFunc(engine, storage), nil, 0); err != nil {
			t.Fatalf("%s: %v", r.Alert, err)
		}
		alert.SetEvaluationTimestamp(at)
		if now := alert.State(); now > state {
			state = now // the worst that it ever was
		}
	}
	return state
}

// series returns what a server of the stack exports, in the notation of Prometheus's own tests.
func series(t *testing.T, stack string, l load) (list []string) {
	t.Helper()
	counter := func(name, labels string, step float64) {
		list = append(list, fmt.Sprintf("%s{%s} 0+%gx30", name, labels, step))
	}
	gauge := func(name string, value float64) { list = append(list, fmt.Sprintf("%s{} %g+0x30", name, value)) }
	histogram := func(name string, seconds float64) {
		for _, le := range []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120} {
			n := 0.0
			if le >= seconds {
				n = 100
			}
			counter(name+"_bucket", fmt.Sprintf("le=%q", fmt.Sprint(le)), n)
		}
		counter(name+"_bucket", `le="+Inf"`, 100)
		counter(name+"_count", "", 100)
		counter(name+"_sum", "", 100*seconds)
	}
	failed, ended := float64(l.failed), 100-float64(l.failed)
	switch stack {
	case "vllm":
		histogram("vllm:time_to_first_token_seconds", l.first)
		histogram("vllm:request_time_per_output_token_seconds", l.token)
		histogram("vllm:e2e_request_latency_seconds", l.whole)
		histogram("vllm:request_queue_time_seconds", l.wait)
		histogram("vllm:request_prefill_time_seconds", l.prefill)
		gauge("vllm:num_requests_waiting", float64(l.waiting))
		gauge("vllm:kv_cache_usage_perc", l.cache)
		counter("vllm:num_preemptions_total", "", float64(l.preempted))
		counter("vllm:request_success_total", `finished_reason="stop"`, ended)
		counter("vllm:request_success_total", `finished_reason="abort"`, failed)
	case "sglang":
		histogram("sglang:time_to_first_token_seconds", l.first)
		histogram("sglang:inter_token_latency_seconds", l.token)
		histogram("sglang:e2e_request_latency_seconds", l.whole)
		histogram("sglang:queue_time_seconds", l.wait)
		gauge("sglang:num_queue_reqs", float64(l.waiting))
		gauge("sglang:token_usage", l.cache)
		counter("sglang:num_requests_total", "", 100)
		counter("sglang:num_aborted_requests_total", "", failed)
	case "tgi":
		histogram("tgi_request_mean_time_per_token_duration", l.token)
		histogram("tgi_request_duration", l.whole)
		histogram("tgi_request_queue_duration", l.wait)
		gauge("tgi_queue_size", float64(l.waiting))
		counter("tgi_request_count", "", 100)
		counter("tgi_request_failure", `err="overloaded"`, failed)
	case "triton":
		counter("nv_inference_request_success", "", ended)
		counter("nv_inference_request_failure", "", failed)
		counter("nv_inference_request_duration_us", "", ended*l.whole*1e6)
		counter("nv_inference_queue_duration_us", "", ended*l.wait*1e6)
		gauge("nv_inference_pending_request_count", float64(l.waiting))
	case "ollama":
		return recorded(t, l.name)
	}
	return list
}

var sample = regexp.MustCompile(`^(\w+)(\{.*\})? (\S+)$`)

// recorded returns what a gateway in front of a real Ollama exported, which .ci/recordings/gateway wrote down a minute apart:
// counters go on as they grew in that minute, other values stay as they were at its end.
func recorded(t *testing.T, name string) (list []string) {
	t.Helper()
	read := func(end string, each func(name, labels string, value float64)) {
		text, err := os.ReadFile(filepath.Join("testdata", name+end+".prom"))
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			m := sample.FindStringSubmatch(strings.TrimSpace(line))
			if m == nil {
				t.Fatalf("%s: %q is no sample", name, line)
			}
			value, err := strconv.ParseFloat(m[3], 64)
			if err != nil {
				t.Fatal(err)
			}
			each(m[1], m[2], value)
		}
	}
	before := map[string]float64{}
	read("-0", func(name, labels string, value float64) { before[name+labels] = value })
	read("-1", func(name, labels string, value float64) {
		if name == "slowtoken_gateway_waiting" || name == "slowtoken_gateway_free_slots" {
			list = append(list, fmt.Sprintf("%s%s %g+0x30", name, labels, value))
			return
		}
		at := before[name+labels]
		list = append(list, fmt.Sprintf("%s%s %g+%gx30", name, labels, at, value-at))
	})
	if len(list) < 20 {
		t.Fatalf("%d series of %s", len(list), name)
	}
	return list
}
