package report

import "fmt"

// metricNames are the metrics that a stack exports, as its documentation names them; what it does not export is empty.
type metricNames struct {
	stack    string
	dialects []string // whose requests it serves
	doc      string   // where its metrics are documented

	ttft, tpot, e2e, queue, prefill histogram
	waiting, cache                  string // gauges: requests that wait, and the share of the cache in use
	preempted                       string // a counter
	failed, ended                   string // rates a second, of requests
}

// A histogram is a metric of which statistics can be asked. Its unit is in seconds.
type histogram struct {
	name string
	unit float64 // in seconds; 0 for no metric
	sum  string  // where there are no buckets: counters of total time and of requests, of which only the mean is known
	n    string
}

// statistic returns an expression that holds while a statistic is over limit seconds; empty if the metric does not have
// that statistic.
func (h *histogram) statistic(statistic, limit string) string {
	if value := h.value(statistic); value != "" {
		return value + " > " + limit
	}
	return ""
}

// value returns an expression of a statistic, in seconds; empty if the metric does not have it.
func (h *histogram) value(statistic string) string {
	if h.unit == 0 {
		return ""
	}
	scale := ""
	if h.unit != 1 {
		scale = fmt.Sprintf(" * %g", h.unit)
	}
	sum, n := h.name+"_sum", h.name+"_count"
	if h.sum != "" {
		sum, n = h.sum, h.n
	}
	quantile := map[string]string{"p50": "0.5", "p95": "0.95", "p99": "0.99"}[statistic]
	switch {
	case quantile == "":
		return fmt.Sprintf("sum(rate(%s[%s])) / sum(rate(%s[%s]))%s", sum, alertRange, n, alertRange, scale)
	case h.sum != "":
		return ""
	}
	return fmt.Sprintf("histogram_quantile(%s, sum by (le) (rate(%s_bucket[%s])))%s", quantile, h.name, alertRange, scale)
}

// failedShare returns an expression of the share of requests that fail; empty if the stack does not count them.
func (m *metricNames) failedShare() string {
	if m.failed == "" {
		return ""
	}
	return fmt.Sprintf("(%s) / (%s)", m.failed, m.ended)
}

func seconds(name string) histogram { return histogram{name: name, unit: 1} }

// stackMetrics lists the stacks whose metrics are known.
var stackMetrics = []*metricNames{
	{
		stack: "vllm", dialects: []string{"vllm"}, doc: "https://docs.vllm.ai/en/latest/usage/metrics.html",
		ttft: seconds("vllm:time_to_first_token_seconds"), tpot: seconds("vllm:request_time_per_output_token_seconds"), e2e: seconds("vllm:e2e_request_latency_seconds"),
		queue: seconds("vllm:request_queue_time_seconds"), prefill: seconds("vllm:request_prefill_time_seconds"),
		waiting: "sum(vllm:num_requests_waiting)", cache: "vllm:kv_cache_usage_perc", preempted: "vllm:num_preemptions_total",
		failed: `sum(rate(vllm:request_success_total{finished_reason=~"abort|error"}[5m]))`, ended: `sum(rate(vllm:request_success_total[5m]))`,
	},
	{
		stack: "sglang", dialects: []string{"sglang"}, doc: "https://docs.sglang.ai/references/production_metrics.html",
		ttft: seconds("sglang:time_to_first_token_seconds"), tpot: seconds("sglang:inter_token_latency_seconds"), e2e: seconds("sglang:e2e_request_latency_seconds"),
		queue:   seconds("sglang:queue_time_seconds"),
		waiting: "sum(sglang:num_queue_reqs)", cache: "sglang:token_usage",
		failed: `sum(rate(sglang:num_aborted_requests_total[5m]))`, ended: `sum(rate(sglang:num_requests_total[5m]))`,
	},
	{
		stack: "tgi", dialects: []string{"tgi"}, doc: "https://huggingface.co/docs/text-generation-inference/reference/metrics",
		tpot: seconds("tgi_request_mean_time_per_token_duration"), e2e: seconds("tgi_request_duration"),
		queue: seconds("tgi_request_queue_duration"), waiting: "sum(tgi_queue_size)",
		failed: `sum(rate(tgi_request_failure[5m]))`, ended: `sum(rate(tgi_request_count[5m]))`,
	},
	{
		stack: "triton", dialects: []string{"triton", "tensorrt-llm"}, doc: "https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/user_guide/metrics.html",
		e2e:     histogram{unit: 1e-6, sum: "nv_inference_request_duration_us", n: "nv_inference_request_success"},
		queue:   histogram{unit: 1e-6, sum: "nv_inference_queue_duration_us", n: "nv_inference_request_success"},
		waiting: "sum(nv_inference_pending_request_count)",
		failed:  `sum(rate(nv_inference_request_failure[5m]))`, ended: `(sum(rate(nv_inference_request_failure[5m])) + sum(rate(nv_inference_request_success[5m])))`,
	},
	{
		stack: "ollama", dialects: []string{"slowtoken-gateway"}, doc: "docs/inference.md",
		ttft: seconds("slowtoken_gateway_time_to_first_chunk_seconds"), e2e: seconds("slowtoken_gateway_request_seconds"),
		queue: seconds("slowtoken_gateway_queue_seconds"), waiting: "slowtoken_gateway_waiting",
		failed: `sum(rate(slowtoken_gateway_requests_total{outcome!~"2.."}[5m]))`, ended: `sum(rate(slowtoken_gateway_requests_total[5m]))`,
	},
}
