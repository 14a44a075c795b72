package dialect

// sources say where what each dialect reads is written down: the project, the file, and the commit or release that was
// read. Dialects that list a source beside each name they read are left out here: their Doc has it.
var sources = map[string]string{
	"slowtoken.phase":    "[definitions.md](definitions.md).",
	"slowtoken-gateway":  "[inference.md](inference.md).",
	"tensorrt-llm":       "https://github.com/NVIDIA/TensorRT-LLM, tensorrt_llm/llmapi/otel_tracing.py at 3b904c6a.",
	"vllm":               "https://github.com/vllm-project/vllm, vllm/v1/engine/output_processor.py at 40eeb0c5 and vllm/tracing/utils.py at 0bf3270f; the phase spans: https://github.com/vllm-project/vllm/pull/44402.",
	"sglang":             "https://github.com/sgl-project/sglang, python/sglang/srt/observability/trace.py at 02a58088 and req_time_stats.py at 00ce49e0.",
	"tgi":                "https://github.com/huggingface/text-generation-inference, router/src/server.rs, backends/v3/src/queue.rs and backend.rs at db931fcf.",
	"triton":             "https://github.com/triton-inference-server/server, src/tracer.cc and docs/user_guide/trace.md at e1db8a60.",
	"litellm":            "https://github.com/BerriAI/litellm, litellm/integrations/opentelemetry.py at 00145a6c.",
	"python-predecessor": "https://github.com/arec1b0/llm-latency-bottleneck-analysis, src/api/main.py and src/inference/engine.py at faa18868.",
	"langfuse":           "https://github.com/langfuse/langfuse, OtelIngestionProcessor.ts at 62751446.",
	"openinference":      "https://github.com/Arize-ai/openinference, spec and python/instrumentation at 1fe497f1.",
	"vercel-ai-sdk":      "https://github.com/vercel/ai, package ai 6.0.326 as it was recorded.",
	"openllmetry":        "https://github.com/traceloop/openllmetry, packages/opentelemetry-semantic-conventions-ai and packages/opentelemetry-instrumentation-openai at 93429cfb.",
	"otel-genai":         "https://github.com/open-telemetry/semantic-conventions, docs/gen-ai before c9e48b1d (v1.41); https://github.com/open-telemetry/semantic-conventions-genai, docs/gen-ai/non-normative/migration.md at 32c328e8.",
	"vllm-router":        "https://github.com/vllm-project/production-stack, src/vllm_router/services/request_service/request.py.",
	"ray-serve":          "https://github.com/ray-project/ray, python/ray/serve/_private/tracing_utils.py at 0c6f07d6.",
	"http":               "https://github.com/open-telemetry/semantic-conventions, docs/http/http-spans.md and docs/rpc/rpc-spans.md.",
}

// Source returns where what a dialect reads is written down; "" when its Doc says so.
func Source(name string) string { return sources[name] }
