// Records what client SDKs emit while they talk to a server whose times are known. In an empty folder with a copy of
// the two scripts here (the SDKs do not all accept the same version of the client, so one folder each):
//
//     npm install @opentelemetry/api @opentelemetry/resources@2 @opentelemetry/sdk-trace-node@2 @opentelemetry/otlp-transformer@0.223
//     npm install openai@6 @arizeai/openinference-instrumentation-openai@4.2.7 && node record.mjs openinference
//     npm install openai@6 @traceloop/instrumentation-openai@0.27.0            && node record.mjs openllmetry
//     npm install openai@4 @traceloop/instrumentation-openai@0.13.0            && node record.mjs openllmetry
//     npm install openai@5 @opentelemetry/instrumentation-openai@0.21.0        && node record.mjs otel
//     npm install openai@5 openlit@1.15.0                                      && node record.mjs openlit
//     npm install ai@6.0.326 @ai-sdk/openai-compatible@2 zod@4                 && node record.mjs vercel
//
// Standard output is one OTLP export in JSON; its resource names the versions that it was made with. Every call runs
// inside a span of this script, "case NAME", with an event "app.first_chunk" when the first chunk reached the
// application: the truth that the SDK's own statements are tested against.

import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { metrics, SpanStatusCode, trace } from "@opentelemetry/api";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-node";
import { JsonTraceSerializer } from "@opentelemetry/otlp-transformer";
import * as server from "./server.mjs";

const MODEL = "tiny-chat";
const prompt = [{ role: "user", content: "Why are my tokens slow?" }];
const tools = [
  {
    type: "function",
    function: { name: "weather", parameters: { type: "object", properties: { city: { type: "string" } } } },
  },
];

const versionOf = (name) => JSON.parse(readFileSync(`node_modules/${name}/package.json`, "utf8")).version;

// run calls work inside a span of its own, which ends as work does.
async function run(name, work) {
  await trace.getTracer("app").startActiveSpan(`case ${name}`, async (span) => {
    const seen = { first: false };
    const chunk = () => {
      if (!seen.first) span.addEvent("app.first_chunk");
      seen.first = true;
    };
    try {
      await work(chunk);
    } catch (error) {
      span.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
    }
    span.end();
  });
}

// The calls that every recording of the OpenAI client holds.
async function openAICalls(OpenAI, url) {
  const client = new OpenAI({ baseURL: url, apiKey: "none", maxRetries: 0 });
  await run("streamed", async (chunk) => {
    const stream = await client.chat.completions.create({
      model: MODEL, messages: prompt, stream: true, stream_options: { include_usage: true },
    });
    for await (const _ of stream) chunk();
  });
  await run("whole", () => client.chat.completions.create({ model: MODEL, messages: prompt }));
  await run("tool", () => client.chat.completions.create({ model: MODEL, messages: prompt, tools }));
  await run("failed", () => client.chat.completions.create({ model: "broken", messages: prompt }));
  await run("embedded", () => client.embeddings.create({ model: "tiny-embed", input: "slow", encoding_format: "float" }));
}

const SDKs = {
  openinference: {
    packages: ["@arizeai/openinference-instrumentation-openai", "openai"],
    async record(url) {
      const { OpenAIInstrumentation } = await import("@arizeai/openinference-instrumentation-openai");
      const { default: OpenAI } = await import("openai");
      new OpenAIInstrumentation().manuallyInstrument(OpenAI);
      await openAICalls(OpenAI, url);
    },
  },
  openllmetry: {
    packages: ["@traceloop/instrumentation-openai", "openai"],
    async record(url, provider) {
      const { OpenAIInstrumentation } = await import("@traceloop/instrumentation-openai");
      const { default: OpenAI } = createRequire(import.meta.url)("openai");
      const instrumentation = new OpenAIInstrumentation({ enrichTokens: false });
      instrumentation.setTracerProvider(provider);
      instrumentation.manuallyInstrument(OpenAI);
      await openAICalls(OpenAI, url);
    },
  },
  otel: {
    packages: ["@opentelemetry/instrumentation-openai", "openai"],
    async record(url, provider) {
      const { OpenAIInstrumentation } = await import("@opentelemetry/instrumentation-openai");
      const instrumentation = new OpenAIInstrumentation();
      instrumentation.setTracerProvider(provider);
      instrumentation.setMeterProvider(metrics.getMeterProvider());
      instrumentation.enable(); // patches the client when it is required
      const { OpenAI } = createRequire(import.meta.url)("openai");
      await openAICalls(OpenAI, url);
    },
  },
  openlit: {
    packages: ["openlit", "openai"],
    async record(url, provider) {
      const require = createRequire(import.meta.url);
      // Neither is exported; openlit.init() would send spans to a server of its own.
      const { default: config } = require("./node_modules/openlit/dist/config.js");
      const { default: OpenLIT } = require("./node_modules/openlit/dist/instrumentation/openai/index.js");
      config.updateConfig({ applicationName: "app", environment: "recording", disableMetrics: true, disableEvents: true });
      const instrumentation = new OpenLIT();
      instrumentation.setTracerProvider(provider);
      const client = require("openai");
      instrumentation.manualPatch(client);
      await openAICalls(client.OpenAI, url);
    },
  },
  vercel: {
    packages: ["ai", "@ai-sdk/openai-compatible", "zod"],
    async record(url) {
      const { embed, generateText, stepCountIs, streamText, tool } = await import("ai");
      const { createOpenAICompatible } = await import("@ai-sdk/openai-compatible");
      const { z } = await import("zod");
      const to = createOpenAICompatible({ name: "local", baseURL: url, includeUsage: true });
      const experimental_telemetry = { isEnabled: true, functionId: "answer" };
      const ask = { model: to(MODEL), messages: prompt, maxRetries: 0, experimental_telemetry };
      await run("streamed", async (chunk) => {
        for await (const _ of streamText(ask).textStream) chunk();
      });
      await run("whole", () => generateText(ask));
      const weather = tool({
        inputSchema: z.object({ city: z.string() }),
        execute: () => new Promise((done) => setTimeout(() => done("rain"), 60)),
      });
      await run("tool", () => generateText({ ...ask, tools: { weather }, stopWhen: stepCountIs(3) }));
      await run("failed", () => generateText({ ...ask, model: to("broken") }));
      await run("embedded", () =>
        embed({ model: to.embeddingModel("tiny-embed"), value: "slow", maxRetries: 0, experimental_telemetry }),
      );
    },
  },
};

const name = process.argv[2];
const sdk = SDKs[name];
if (!sdk) throw new Error(`want one of: ${Object.keys(SDKs).join(", ")}`);

const recorder = new InMemorySpanExporter();
const provider = new NodeTracerProvider({
  resource: resourceFromAttributes({
    "service.name": "app",
    "recording.packages": [...sdk.packages, "@opentelemetry/sdk-trace-node"].map((p) => `${p}@${versionOf(p)}`),
    "recording.node": process.version,
  }),
  spanProcessors: [new SimpleSpanProcessor(recorder)],
});
provider.register();

const { url, stop } = await server.start();
await sdk.record(url, provider);
await provider.forceFlush();
stop();
const spans = new TextDecoder().decode(JsonTraceSerializer.serializeRequest(recorder.getFinishedSpans()));
process.stdout.write(spans.replaceAll(process.cwd(), ".") + "\n");
