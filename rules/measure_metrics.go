package rules

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/population"
)

// A metricSource says which metrics of which stacks state the same thing, by their names in Prometheus and as OTLP. Dots,
// colons and underscores in names count as the same, and so do the suffixes that exporters add.
type metricSource struct {
	names []string
	kind  analyzer.Attribute // that points must have, of a metric that holds several; "" for all points
	scale float64            // what a value is multiplied by; 0 stands for 1
}

// What metrics are read for. Sources: vLLM docs/design/metrics.md; SGLang docs/references/production_metrics.md; TGI
// docs/source/reference/metrics.md; Triton docs/user_guide/metrics.md, and its TensorRT-LLM backend's README; NVIDIA dcgm-exporter etc/default-counters.csv;
// OpenTelemetry semantic conventions, hardware (hw.*).
var (
	metricRunning = []metricSource{{names: []string{"vllm:num_requests_running", "sglang:num_running_reqs", "tgi_batch_current_size", "slowtoken.requests.running"}}}
	metricWaiting = []metricSource{{names: []string{"vllm:num_requests_waiting", "sglang:num_queue_reqs", "tgi_queue_size", "nv_inference_pending_request_count", "slowtoken.requests.waiting"}}}
	metricKVUse   = []metricSource{
		{names: []string{"vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc", "sglang:token_usage", "trtllm_kv_cache_utilization", "slowtoken.kv_cache.usage"}},
		{names: []string{"nv_trt_llm_kv_cache_block_metrics"}, kind: analyzer.Attribute{Key: "kv_cache_block_type", Value: analyzer.String("fraction")}},
	}
	metricPreempt = []metricSource{{names: []string{"vllm:num_preemptions", "sglang:num_retractions"}}}
	metricHits    = []metricSource{{names: []string{"vllm:prefix_cache_hits"}}}
	metricQueries = []metricSource{{names: []string{"vllm:prefix_cache_queries"}}}
	metricHitRate = []metricSource{{names: []string{"sglang:cache_hit_rate"}}}
	gpuUse        = []metricSource{
		{names: []string{"DCGM_FI_DEV_GPU_UTIL"}, scale: 0.01}, {names: []string{"nv_gpu_utilization", "hw.gpu.utilization", "slowtoken.gpu.utilization"}},
	}
	gpuClock       = []metricSource{{names: []string{"DCGM_FI_DEV_SM_CLOCK", "hw.gpu.clock", "slowtoken.gpu.clock"}}}
	gpuThrottle    = []metricSource{{names: []string{"DCGM_FI_DEV_CLOCK_THROTTLE_REASONS", "DCGM_FI_DEV_CLOCKS_EVENT_REASONS", "slowtoken.gpu.throttled"}}}
	gpuTemperature = []metricSource{{names: []string{"DCGM_FI_DEV_GPU_TEMP", "hw.temperature", "slowtoken.gpu.temperature"}}}
)

// throttleBits are the reasons of NVML that mean heat or power: SW power cap, HW slowdown, SW thermal, HW thermal, HW
// power brake.
const throttleBits = 0x04 | 0x08 | 0x20 | 0x40 | 0x80

// measureMetrics reads the stored metrics of the window; what it finds is the same in every case.
func measureMetrics(in *Input) Measures {
	m := Measures{}
	series := seriesOf(in.Metrics)
	gauge := func(sources []metricSource, f func(values []float64)) {
		if values := levels(series, sources); len(values) > 0 {
			f(values)
		}
	}
	gauge(metricRunning, func(x []float64) {
		m["metric_running_mean"], m["metric_running_max"] = number(meanOf(x), len(x)), number(slices.Max(x), len(x))
	})
	gauge(metricWaiting, func(x []float64) {
		m["metric_waiting_mean"], m["metric_waiting_max"] = number(meanOf(x), len(x)), number(slices.Max(x), len(x))
		if waiting := tracedWaiting(in); waiting > 0 {
			mean, cv2 := meanCV2(x)
			low := mean * (1 - 1.96*math.Sqrt(cv2/float64(len(x))))
			m["metric_waiting_disagrees"], m["metric_waiting_disagrees_low"] = number(mean/waiting, len(x)), number(low/waiting, len(x))
		}
	})
	gauge(metricKVUse, func(x []float64) {
		slices.Sort(x)
		m["metric_kv_use_p95"] = number(x[population.NearestRank(len(x), 0.95)], len(x))
	})
	if preempted, n := increase(series, metricPreempt); n > 0 {
		m["metric_preemptions"] = number(preempted, n)
		if all := len(in.Population.Records); all > 0 {
			m["metric_preemptions_per_request"] = number(preempted/float64(all), n)
		}
	}
	hits, n := increase(series, metricHits)
	if queries, _ := increase(series, metricQueries); n > 0 && queries > 0 {
		m["metric_prefix_hit_share"] = number(hits/queries, n)
	}
	gauge(metricHitRate, func(x []float64) { m["metric_prefix_hit_share"] = number(meanOf(x), len(x)) })
	if mean, n := meanOfHistogram(in.Metrics, metricPromptTokens); n > 0 {
		m["metric_input_tokens_mean"] = number(mean, n)
	}
	gauge(gpuUse, func(x []float64) { m["gpu_use_mean"] = number(meanOf(x), len(x)) })
	gauge(gpuClock, func(x []float64) {
		if most := slices.Max(x); most > 0 {
			m["gpu_clock_drop"] = number(1-meanOf(x)/most, len(x))
		}
	})
	gauge(gpuThrottle, func(x []float64) {
		k := 0
		for _, bits := range x {
			if bits == 1 || int64(bits)&throttleBits != 0 {
				k++
			}
		}
		m["gpu_throttled_share"] = share(k, len(x))
	})
	gauge(gpuTemperature, func(x []float64) { m["gpu_temperature_max"] = number(slices.Max(x), len(x)) })
	return m
}

// tracedWaiting returns the mean number of requests that wait, as traces say, over the time that they span.
func tracedWaiting(in *Input) float64 {
	waiting := 0.0
	for i := range in.Population.Records {
		waiting += float64(phaseTime(&in.Population.Records[i], analyzer.Queue, population.PathE2E))
	}
	return waiting / float64(max(1, in.Population.Last-in.Population.First))
}

// A point is one value of a series.
type point struct {
	at, start  int64
	value      float64
	cumulative bool
	attributes analyzer.Attributes
}

// of reports whether p is a point of s.
func (p *point) of(s *metricSource) bool {
	return s.kind.Key == "" || p.attributes.Text(s.kind.Key) == s.kind.Value.String()
}

// seriesOf sorts numeric points by metric and what tells its series apart, each by time.
func seriesOf(points []analyzer.MetricPoint) map[string]map[string][]point {
	series := map[string]map[string][]point{}
	for i := range points {
		p := &points[i]
		x, ok := p.Value.Number()
		if !ok || p.Type != analyzer.MetricGauge && p.Type != analyzer.MetricSum {
			continue
		}
		name := plainMetric(p.Name)
		if series[name] == nil {
			series[name] = map[string][]point{}
		}
		key := seriesKey(p)
		series[name][key] = append(series[name][key], point{p.Time, p.Start, x, p.Type == analyzer.MetricSum && p.Temporality == analyzer.TemporalityCumulative, p.Attributes})
	}
	for _, one := range series {
		for _, list := range one {
			slices.SortStableFunc(list, comparePoints)
		}
	}
	return series
}

func comparePoints(a, b point) int { return cmp.Compare(a.at, b.at) }

// seriesKey tells series of one metric apart.
func seriesKey(p *analyzer.MetricPoint) string {
	var b strings.Builder
	write := func(list analyzer.Attributes) {
		for i := range list {
			b.WriteString(list[i].Key + "\x00" + list[i].Value.String() + "\x00")
		}
	}
	write(p.Attributes)
	if p.Resource != nil {
		write(p.Resource.Attributes)
	}
	return b.String()
}

// plainMetric is a metric's name without what exporters change of it.
func plainMetric(name string) string {
	name = strings.NewReplacer(":", "_", ".", "_").Replace(strings.ToLower(name))
	for _, suffix := range []string{"_total", "_ratio"} {
		name = strings.TrimSuffix(name, suffix)
	}
	return name
}

// levels returns all values of the first source that there is.
func levels(series map[string]map[string][]point, sources []metricSource) (values []float64) {
	for _, s := range sources {
		for _, name := range s.names {
			for _, list := range series[plainMetric(name)] {
				for _, p := range list {
					if p.of(&s) {
						values = append(values, p.value*cmp.Or(s.scale, 1))
					}
				}
			}
			if len(values) > 0 {
				slices.Sort(values) // series come in no order, and sums of floats depend on it
				return values
			}
		}
	}
	return nil
}

// increase returns by how much counters grew; a counter that falls was restarted. n is how many points say so.
func increase(series map[string]map[string][]point, sources []metricSource) (sum float64, n int) {
	for _, s := range sources {
		for _, name := range s.names {
			for _, list := range series[plainMetric(name)] {
				for i, p := range list {
					n++
					switch {
					case !p.cumulative:
						sum += p.value
					case i > 0 && p.value >= list[i-1].value:
						sum += p.value - list[i-1].value
					case i > 0:
						sum += p.value
					}
				}
			}
			if n > 0 {
				return sum, n
			}
		}
	}
	return 0, 0
}
