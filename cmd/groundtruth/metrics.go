package main

import (
	"strconv"

	"github.com/slowtoken/slowtoken/analyzer"
	"github.com/slowtoken/slowtoken/analyzer/population"
	"github.com/slowtoken/slowtoken/inference/emit"
	"github.com/slowtoken/slowtoken/inference/sim"
)

// metricsOf are what the engine and the device of a run state, under names that say nothing; nil where the dialect is a
// caller's.
func metricsOf(run *sim.Run, d emit.Dialect) []analyzer.MetricPoint {
	points := emit.Metrics(run, d, emit.Options{})
	for _, p := range points {
		if p.Name == "vllm:num_preemptions_total" {
			points = append(points, prefixCounters(run, p)...)
		}
	}
	return blindMetrics(points)
}

// prefixCounters are vLLM's counters of prompt tokens that were looked up in the prefix cache, and of those that were
// found, of the server and at the time of another point. Source: https://github.com/vllm-project/vllm,
// vllm/v1/metrics/loggers.py.
func prefixCounters(run *sim.Run, at analyzer.MetricPoint) []analyzer.MetricPoint {
	queries, hits := at, at
	queries.Name, hits.Name = "vllm:prefix_cache_queries_total", "vllm:prefix_cache_hits_total"
	var asked, found float64
	name := at.Resource.Attributes.Text("service.instance.id")
	for i := range run.Requests {
		if r := &run.Requests[i]; r.Scheduled > 0 && r.Scheduled <= at.Time && name == "vllm-server-"+strconv.Itoa(r.Replica) {
			asked, found = asked+float64(r.Prompt), found+float64(r.Cached)
		}
	}
	queries.Value, hits.Value = analyzer.Double(asked), analyzer.Double(found)
	return []analyzer.MetricPoint{queries, hits}
}

// factsOf are what a person who runs the servers knows: the model, the device, settings, and the system prompt.
func factsOf(s *simulated) population.Facts {
	c := s.run.Config
	facts := population.Facts{
		"model": c.Model.Name, "device": c.Device.Name, "dtype": "bfloat16", "max_num_seqs": strconv.Itoa(c.Engine.Slots),
		"max_num_batched_tokens": strconv.Itoa(c.Engine.TokenBudget), "replicas": strconv.Itoa(c.Replicas + len(c.Scale)),
	}
	if tokens := s.scenario.Workload.Streams[0].PrefixTokens; tokens > 0 {
		facts["shared_prefix_tokens"] = strconv.Itoa(tokens)
	}
	if r, ok := c.Timing.(sim.Roofline); ok && r.Offloaded > 0 {
		facts["cpu_offload_bytes"] = strconv.FormatFloat(float64(r.Offloaded*c.Model.Weights()), 'g', -1, 64)
	}
	return facts
}
