// Starts `slowtoken serve`, sends spans with the JavaScript SDK over OTLP/gRPC, HTTP with protobuf and HTTP with JSON,
// each through a batch processor, and compares what `slowtoken export` gives with what was sent. The HTTP clients go
// through a proxy that refuses every third request, so that their retries are needed.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SpanKind, SpanStatusCode, context, trace } from '@opentelemetry/api';
import { OTLPTraceExporter as GRPC } from '@opentelemetry/exporter-trace-otlp-grpc';
import { OTLPTraceExporter as JSONOverHTTP } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as ProtobufOverHTTP } from '@opentelemetry/exporter-trace-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';

const binary = process.argv[2];
const traces = 1000; // of two spans, for each protocol
const folder = mkdtempSync(join(tmpdir(), 'slowtoken-clients-'));
const db = join(folder, 'clients.db');

// serve starts the server and waits until it says where it listens.
function serve() {
  const child = spawn(binary, ['serve', '--db', db, '--otlp-grpc-endpoint', '127.0.0.1:0', '--otlp-http-endpoint', '127.0.0.1:0', '--admin-endpoint', 'off'],
    { stdio: ['ignore', 'ignore', 'pipe'] });
  return new Promise((resolve, reject) => {
    let said = '';
    child.stderr.on('data', (chunk) => {
      said += chunk;
      const grpc = said.match(/OTLP\/gRPC on (127\.0\.0\.1:\d+)/), web = said.match(/OTLP\/HTTP on (127\.0\.0\.1:\d+)/);
      if (grpc && web) resolve({ child, grpc: grpc[1], web: web[1] });
    });
    child.on('exit', (code) => reject(new Error(`serve ended with ${code}:\n${said}`)));
  });
}

// refusingProxy passes requests on to target, save every third.
function refusingProxy(target) {
  const counts = { requests: 0, refused: 0 };
  const proxy = http.createServer((req, res) => {
    if (++counts.requests % 3 === 1) {
      counts.refused++;
      req.resume();
      res.writeHead(counts.refused % 2 ? 429 : 503, { 'Retry-After': '1' }).end();
      return;
    }
    const onward = http.request(`http://${target}${req.url}`, { method: req.method, headers: req.headers }, (answer) => {
      res.writeHead(answer.statusCode, answer.headers);
      answer.pipe(res);
    });
    onward.on('error', (err) => res.writeHead(502).end(String(err)));
    req.pipe(onward);
  });
  return new Promise((resolve) => proxy.listen(0, '127.0.0.1', () => resolve({ counts, proxy, address: `127.0.0.1:${proxy.address().port}` })));
}

async function send(protocol, exporter) {
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({ 'service.name': `js-${protocol}` }),
    spanProcessors: [new BatchSpanProcessor(exporter, { maxQueueSize: 4 * traces, maxExportBatchSize: 256, scheduledDelayMillis: 200 })],
  });
  const tracer = provider.getTracer('clients', '1.0.0');
  for (let i = 0; i < traces; i++) {
    const parent = tracer.startSpan('POST /chat', { kind: SpanKind.SERVER, attributes: { n: i, ratio: 0.5, list: ['a', 'b'], ok: true } });
    const child = tracer.startSpan('llm_request', { kind: SpanKind.CLIENT, attributes: { n: i } }, trace.setSpan(context.active(), parent));
    child.addEvent('first token', { n: i });
    child.setStatus({ code: SpanStatusCode.ERROR, message: 'cut' });
    child.end();
    parent.end();
  }
  await provider.forceFlush();
  await provider.shutdown();
}

// stored returns the spans of each service, as name and number.
function stored() {
  const { status, stdout, stderr } = spawnSync(binary, ['export', '--db', db, '--format', 'otlp-json', '--settle', '0s'], { maxBuffer: 1 << 30, encoding: 'utf8' });
  if (status !== 0) throw new Error(`export ended with ${status}: ${stderr}`);
  const services = {};
  for (const line of stdout.split('\n').filter(Boolean)) {
    for (const rs of JSON.parse(line).resourceSpans) {
      const service = rs.resource.attributes.find((a) => a.key === 'service.name').value.stringValue;
      for (const ss of rs.scopeSpans) {
        for (const span of ss.spans) {
          const n = Number(span.attributes.find((a) => a.key === 'n').value.intValue);
          if (span.name === 'llm_request' && (span.status?.code !== 2 || span.events?.[0]?.name !== 'first token')) throw new Error(`a span came changed: ${JSON.stringify(span)}`);
          (services[service] ??= new Map()).set(`${span.name} ${n}`, (services[service].get(`${span.name} ${n}`) ?? 0) + 1);
        }
      }
    }
  }
  return services;
}

const server = await serve();
const { proxy, address, counts } = await refusingProxy(server.web);
let failed = 0;
try {
  await send('grpc', new GRPC({ url: `http://${server.grpc}` }));
  await send('http-protobuf', new ProtobufOverHTTP({ url: `http://${address}/v1/traces` }));
  await send('http-json', new JSONOverHTTP({ url: `http://${address}/v1/traces` }));
  const services = stored();
  for (const protocol of ['grpc', 'http-protobuf', 'http-json']) {
    const got = services[`js-${protocol}`] ?? new Map();
    const copies = [...got.values()].filter((n) => n !== 1).length;
    const good = got.size === 2 * traces && copies === 0;
    if (!good) failed++;
    console.log(`${good ? 'ok  ' : 'FAIL'} ${protocol}: ${got.size} of ${2 * traces} spans arrived, ${copies} more than once`);
  }
  console.log(`the proxy refused ${counts.refused} of ${counts.requests} requests`);
  if (counts.refused === 0) failed++;
} finally {
  proxy.closeAllConnections();
  proxy.close();
  server.child.removeAllListeners('exit');
  const ended = new Promise((resolve) => server.child.on('exit', resolve));
  server.child.kill('SIGINT');
  await ended;
  rmSync(folder, { recursive: true });
}
process.exit(failed ? 1 : 0);
