// Starts `slowtoken serve` and a real Ollama with a small model of random weights, calls it with Vercel's AI SDK, streamed
// and not, and compares what `slowtoken analyze` makes of the SDK's own spans with what was called.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, openSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { context, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { generateText, streamText } from 'ai';

const [slowtoken, ollama] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), 'slowtoken-sdk-'));
const db = join(folder, 'sdk.db');
const children = [];

// start runs a server and resolves with what ready finds in what it says.
function start(command, args, env, ready) {
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, ...env } });
  children.push(child);
  return new Promise((resolve, reject) => {
    let said = '';
    child.stderr.on('data', (chunk) => {
      said += chunk;
      const found = said.match(ready);
      if (found) resolve(found[1]);
    });
    child.on('error', reject);
    child.on('exit', (code) => reject(new Error(`${command} ended with ${code}:\n${said}`)));
  });
}

function run(command, args, env) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { env: { ...process.env, ...env }, encoding: 'utf8', maxBuffer: 1 << 28 });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}: ${error ?? stderr}`);
  return stdout;
}

function freePort() {
  return new Promise((resolve) => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

let failed = false;
function check(what, good, seen) {
  console.log(`${good ? 'ok  ' : 'FAIL'} ${what}: ${seen}`);
  failed ||= !good;
}

try {
  const otlp = await start(slowtoken, ['serve', '--db', db, '--otlp-grpc-endpoint', 'off', '--otlp-http-endpoint', '127.0.0.1:0', '--admin-endpoint', 'off'],
    {}, /OTLP\/HTTP on (127\.0\.0\.1:\d+)/);
  const home = { HOME: folder, OLLAMA_MODELS: join(folder, 'models'), OLLAMA_HOST: `127.0.0.1:${await freePort()}` };
  await start(ollama, ['serve'], home, /Listening on (\S+)/);
  run(slowtoken, ['model', 'make', '--size', '5M', '--out', join(folder, 'random.gguf')], {});
  run(ollama, ['create', 'random', '-f', join(folder, 'random.Modelfile')], home);

  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'ai-sdk' }),
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter({ url: `http://${otlp}/v1/traces` }))],
  });
  trace.setGlobalTracerProvider(provider);
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  const model = createOpenAICompatible({ name: 'ollama', baseURL: `http://${home.OLLAMA_HOST}/v1`, includeUsage: true })('random');
  const calls = { streamed: 5, whole: 5 };
  const limits = { maxOutputTokens: 20, experimental_telemetry: { isEnabled: true } };
  for (let i = 0; i < calls.streamed; i++) {
    const { textStream } = streamText({ model, prompt: `${i} streamed`, ...limits });
    for await (const _ of textStream);
  }
  for (let i = 0; i < calls.whole; i++) await generateText({ model, prompt: `${i} whole`, ...limits });
  await provider.shutdown();

  const report = JSON.parse(run(slowtoken, ['analyze', '--db', db, '--settle', '0s', '-o', 'json'], {}));
  const { requests, dialects, measures } = report;
  const all = calls.streamed + calls.whole;
  check('every call is one request, and succeeded', requests.total === all && requests.succeeded === all, JSON.stringify(requests));
  check("the SDK's own spans are read", dialects.length === 1 && dialects[0].name === 'vercel-ai-sdk' && dialects[0].requests === all, JSON.stringify(dialects));
  const [ttft, tpot] = ['TTFT', 'TPOT'].map((name) => measures.find((m) => m.name === name));
  check('streamed calls have a first token, whole ones none', ttft.n === calls.streamed && tpot.n === calls.streamed, `TTFT of ${ttft.n}, TPOT of ${tpot.n}`);
  check('a token of a model of 5 M parameters takes 0.1 to 100 ms', tpot.mean > 1e5 && tpot.mean < 1e8, `${tpot.mean / 1e6} ms`);
} finally {
  for (const child of children.reverse()) {
    child.removeAllListeners('exit');
    const ended = new Promise((resolve) => child.on('exit', resolve));
    if (child.exitCode === null && child.kill('SIGTERM')) await ended;
  }
  rmSync(folder, { recursive: true });
}
process.exit(failed ? 1 : 0);
