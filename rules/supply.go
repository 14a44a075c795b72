package rules

// A Supply is a kind of telemetry or knowledge that variables are computed from, and what makes each stack give it.
type Supply struct {
	Name   string
	Doc    string            // what it is
	Remedy string            // what supplies it, whatever the stack
	Stacks map[string]string // by stack, the setting that supplies it; see [Stacks]
}

// For returns what supplies s on the given stack.
func (s *Supply) For(stack string) string {
	if how := s.Stacks[stack]; how != "" {
		return how
	}
	return s.Remedy
}

// The stacks whose settings recommendations and remedies know by name.
const (
	StackVLLM     = "vllm"
	StackSGLang   = "sglang"
	StackTGI      = "tgi"
	StackOllama   = "ollama"
	StackLlamaCPP = "llamacpp"
	StackTriton   = "triton"
)

// Stacks lists them in the order of documents.
var Stacks = []string{StackVLLM, StackSGLang, StackTGI, StackOllama, StackLlamaCPP, StackTriton}

// stackNames are how people call them.
var stackNames = map[string]string{
	StackVLLM: "vLLM", StackSGLang: "SGLang", StackTGI: "TGI", StackOllama: "Ollama", StackLlamaCPP: "llama.cpp", StackTriton: "Triton",
}

// StackName returns how people call a stack.
func StackName(stack string) string {
	if name := stackNames[stack]; name != "" {
		return name
	}
	return stack
}

// What variables are computed from.
var (
	supplyRequests = &Supply{
		Name: "requests", Doc: "requests that traces show",
		Remedy: "trace the calls of the model: slowtoken doctor says what is missing",
	}
	supplyFirstToken = &Supply{
		Name: "first token", Doc: "the time of the first token",
		Remedy: "stream answers and record the first chunk, or trace the engine itself",
		Stacks: map[string]string{
			StackVLLM:   "--otlp-traces-endpoint=http://HOST:4317 on the engine states gen_ai.latency.time_to_first_token",
			StackSGLang: "--enable-trace --otlp-traces-endpoint HOST:4317",
			StackOllama: "send the calls through a tracing gateway: Ollama itself emits no traces",
		},
	}
	supplyTokens = &Supply{
		Name: "token counts", Doc: "input and output tokens of requests",
		Remedy: "record gen_ai.usage.input_tokens and output_tokens; in streams ask for them with stream_options.include_usage",
	}
	supplyPhases = &Supply{
		Name: "engine phases", Doc: "queue, prefill and decode as the engine itself times them",
		Remedy: "trace the engine, not only its callers",
		Stacks: map[string]string{
			StackVLLM:     "--otlp-traces-endpoint=http://HOST:4317 --collect-detailed-traces=all",
			StackSGLang:   "--enable-trace --otlp-traces-endpoint HOST:4317, SGLANG_TRACE_LEVEL=3",
			StackTGI:      "--otlp-endpoint http://HOST:4317",
			StackTriton:   "--trace-config mode=opentelemetry --trace-config level=TIMESTAMPS",
			StackOllama:   "keep load_duration, prompt_eval_duration and eval_duration of each answer as span attributes",
			StackLlamaCPP: "keep timings.prompt_ms and timings.predicted_ms of each answer as span attributes",
		},
	}
	supplyDetails = &Supply{
		Name: "details of phases", Doc: "what a phase was spent on, such as KV transfer, weight loading or preemption",
		Remedy: "trace the engine at its most detailed level",
		Stacks: map[string]string{
			StackSGLang: "SGLANG_TRACE_LEVEL=3 (events retract, spans of KV transfer)",
			StackTriton: "--trace-config level=TIMESTAMPS (COMPUTE_INPUT_END)",
		},
	}
	supplyChunks = &Supply{
		Name: "chunk times", Doc: "when each chunk of an answer was there",
		Remedy: "record an event for each chunk of streamed answers, with the span's event limit raised",
		Stacks: map[string]string{
			StackSGLang: "SGLANG_TRACE_LEVEL=3 (a span for each decode step)",
			StackTGI:    "--otlp-endpoint http://HOST:4317 (a span infer for each decode step)",
		},
	}
	supplyInstance = &Supply{
		Name: "engine processes", Doc: "which engine process served a request",
		Remedy: "set service.instance.id on the engine's resource, or state --fact replicas=N",
	}
	supplyInstances = &Supply{
		Name: "several engine processes", Doc: "requests of two engine processes or more, each named",
		Remedy: "set service.instance.id on the resource of every engine process, and analyze their traces together",
	}
	supplySlots = &Supply{
		Name: "slots", Doc: "how many requests an engine serves at once",
		Remedy: "set service.instance.id on the engine's resource or state --fact replicas=N, and --fact sampling=none if every request is traced",
	}
	supplyHardware = &Supply{
		Name: "model and device", Doc: "what the model and its accelerator can do",
		Remedy: "state --fact model=NAME --fact device=NAME (and tensor_parallel_size, dtype)",
	}
	supplyConfiguration = &Supply{
		Name: "serving configuration", Doc: "how the engine is configured",
		Remedy: "state it with --fact KEY=VALUE or a file for --facts",
	}
	supplyBaseline = &Supply{
		Name: "one device alone", Doc: "what a token takes on one device",
		Remedy: "measure TPOT with one request at a time on one device, and state it as --fact single_device_tpot=SECONDS beside tensor_parallel_size",
	}
	supplyMetrics = &Supply{
		Name: "engine metrics", Doc: "metrics of the engine: running, waiting, KV cache use, preemptions",
		Remedy: "send the engine's metrics as OTLP to the same server (a collector's prometheus receiver reads /metrics)",
		Stacks: map[string]string{
			StackTGI:    "scrape /metrics (tgi_queue_size, tgi_batch_current_size, tgi_request_input_length) with a collector and send them as OTLP",
			StackTriton: "scrape :8002/metrics (nv_inference_*, nv_gpu_*) with a collector and send them as OTLP",
		},
	}
	supplyGPU = &Supply{
		Name: "accelerator metrics", Doc: "clocks, use and power of the accelerator",
		Remedy: "send them as OTLP metrics: a collector with DCGM's exporter, or the gateway's hardware metrics",
	}
	supplyBothSides = &Supply{
		Name: "client and server", Doc: "spans of both sides of a call, in one trace",
		Remedy: "trace caller and engine with W3C trace context passed between them",
	}
	supplyClient = &Supply{
		Name: "client phases", Doc: "what a client does before it sends",
		Remedy: "trace the application around its call, in the same trace, or put slowtoken.phase=client on the span of that time",
	}
	supplyBystanders = &Supply{
		Name: "other endpoints", Doc: "spans of requests to the same process that ask no model: /metrics, /health",
		Remedy: "do not exclude /metrics and /health from the server's HTTP instrumentation",
	}
	supplyReasoning = &Supply{
		Name: "reasoning tokens", Doc: "how many tokens of an answer are reasoning",
		Remedy: "record gen_ai.usage.reasoning.output_tokens",
	}
	supplySpeculation = &Supply{
		Name: "steps of decode", Doc: "the steps of decode, of an instance with speculation and one without",
		Remedy: "record every step of decode, and run one instance without speculation beside the others",
		Stacks: map[string]string{StackSGLang: "SGLANG_TRACE_LEVEL=3 (a span for each decode step), and one instance without --speculative-algorithm"},
	}
	supplyCache = &Supply{
		Name: "cached tokens", Doc: "how many prompt tokens came from the prefix cache",
		Remedy: "record gen_ai.usage.cache_read.input_tokens",
		Stacks: map[string]string{StackVLLM: "--enable-prompt-tokens-details, and record usage.prompt_tokens_details.cached_tokens"},
	}
	supplyTargets = &Supply{
		Name: "targets", Doc: "the limits that latencies are held against",
		Remedy: "set them with --target NAME=LIMIT",
	}
	supplyFinish = &Supply{
		Name: "finish reasons", Doc: "why answers ended",
		Remedy: "record gen_ai.response.finish_reasons",
	}
)
