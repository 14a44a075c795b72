package population

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Facts are what traces do not carry and people state: how many replicas there are, how the engine is configured. Values
// are as [FactKey.Check] spells them.
type Facts map[string]string

// A FactKey is a fact that can be stated.
type FactKey struct {
	Key, Doc string
	kind     factKind
}

type factKind uint8

const (
	textFact factKind = iota
	countFact
	shareFact
	boolFact
	samplingFact
	quantityFact
)

// FactSampling is the key of how traces are sampled: "none", or the share that is kept.
const FactSampling = "sampling"

// NoSampling is the value of [FactSampling] when every request is traced.
const NoSampling = "none"

// FactKeys lists every fact that can be stated. Settings of an engine go by vLLM's names, which others share.
var FactKeys = []FactKey{
	{"replicas", "processes of the engine that serve these requests", countFact},
	{FactSampling, "none when every request is traced, else the share that is kept, such as 0.1", samplingFact},
	{"model", "the model that is served", textFact},
	{"device", "the accelerator, such as H100-SXM", textFact},
	{"engine", "the serving engine, such as vllm", textFact},
	{"engine_version", "its version", textFact},
	{"max_num_seqs", "most sequences in a batch", countFact},
	{"max_num_batched_tokens", "most tokens in a step", countFact},
	{"max_model_len", "most tokens of a sequence", countFact},
	{"num_gpu_blocks", "blocks of the KV cache", countFact},
	{"block_size", "tokens in a block of the KV cache", countFact},
	{"gpu_memory_utilization", "share of the device's memory that the engine may take", shareFact},
	{"tensor_parallel_size", "devices that share every layer", countFact},
	{"single_device_tpot", "seconds a token takes alone on one of these devices, measured without tensor parallelism, such as 0.03", quantityFact},
	{"pipeline_parallel_size", "stages of layers", countFact},
	{"data_parallel_size", "engine processes behind one endpoint", countFact},
	{"dtype", "type of the weights in computation, such as bfloat16", textFact},
	{"quantization", "how the weights are quantized, such as fp8", textFact},
	{"kv_cache_dtype", "type of the KV cache, such as fp8", textFact},
	{"enable_prefix_caching", "whether prefixes are cached", boolFact},
	{"enable_chunked_prefill", "whether prefills are cut into chunks", boolFact},
	{"enforce_eager", "whether CUDA graphs are off", boolFact},
	{"num_speculative_tokens", "tokens that are drafted in a step", countFact},
	{"model_params", "parameters of a model that no table holds, such as 7.2e9", quantityFact},
	{"model_active_params", "of them, those that compute one token", quantityFact},
	{"model_kv_bytes", "bytes of its KV cache a token", quantityFact},
	{"device_bandwidth", "bytes a second of the accelerator's memory, such as 3.35e12", quantityFact},
	{"device_flops", "its dense operations a second in the type that is computed in, such as 989e12", quantityFact},
	{"disk_bandwidth", "bytes a second at which weights are read", quantityFact},
	{"cpu_offload_bytes", "bytes of the weights that stay in the host's memory, such as 8e9", quantityFact},
	{"network_rtt", "seconds to the servers and back for those who call them, when the network is as it should be, such as 0.002", quantityFact},
	{factSlower, "by how much of its time alone a request takes longer for each other one that is served beside it, measured under a load of its own, such as 0.3", quantityFact},
	{"shared_prefix_tokens", "tokens that nearly all prompts begin with, such as a system prompt", countFact},
}

// IsNumber reports whether the fact is a number.
func (f FactKey) IsNumber() bool {
	return f.kind == countFact || f.kind == shareFact || f.kind == quantityFact
}

// IsBool reports whether the fact is true or false.
func (f FactKey) IsBool() bool { return f.kind == boolFact }

// FactNamed returns the fact of that key; dashes count as underscores, as in flags of engines.
func FactNamed(key string) (FactKey, bool) {
	key = strings.ReplaceAll(key, "-", "_")
	for _, f := range FactKeys {
		if f.Key == key {
			return f, true
		}
	}
	return FactKey{}, false
}

// Check returns value in its one spelling, or an error that says what is wanted.
func (f FactKey) Check(value string) (string, error) {
	value = strings.TrimSpace(value)
	switch f.kind {
	case countFact:
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil || n < 1 {
			return "", fmt.Errorf("%s is %q: want a whole number from 1 on", f.Key, value)
		}
		return strconv.FormatInt(n, 10), nil
	case boolFact:
		b, err := strconv.ParseBool(value)
		if err != nil {
			return "", fmt.Errorf("%s is %q: want true or false", f.Key, value)
		}
		return strconv.FormatBool(b), nil
	case quantityFact:
		x, err := strconv.ParseFloat(value, 64)
		if err != nil || math.IsInf(x, 0) || !(x > 0) {
			return "", fmt.Errorf("%s is %q: want a number over 0 such as 3.35e12", f.Key, value)
		}
		return strconv.FormatFloat(x, 'g', -1, 64), nil
	case samplingFact, shareFact:
		if f.kind == samplingFact && value == NoSampling {
			return value, nil
		}
		x, err := strconv.ParseFloat(value, 64)
		if err != nil || math.IsNaN(x) || x <= 0 || x > 1 {
			or := ""
			if f.kind == samplingFact {
				or = "none or "
			}
			return "", fmt.Errorf("%s is %q: want %sa share over 0 and up to 1", f.Key, value, or)
		}
		return strconv.FormatFloat(x, 'g', -1, 64), nil
	}
	if value == "" {
		return "", fmt.Errorf("%s is empty", f.Key)
	}
	return value, nil
}

// Number returns a fact that is a number; ok is false if it was not stated.
func (f Facts) Number(key string) (x float64, ok bool) {
	x, err := strconv.ParseFloat(f[key], 64)
	return x, err == nil
}

// Sampling returns the stated share of requests that are traced; ok is false if none was stated.
func (f Facts) Sampling() (probability float64, ok bool) {
	if f[FactSampling] == NoSampling {
		return 1, true
	}
	return f.Number(FactSampling)
}
