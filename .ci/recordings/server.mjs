// An HTTP server that answers as OpenAI's does, at times that are known: what a recording says can then be checked.

import http from "node:http";

export const HEADERS_MS = 120; // of a streamed answer
export const FIRST_CHUNK_MS = 180; // after the headers
export const CHUNK_GAP_MS = 40;
export const WHOLE_MS = 250; // of an answer that is not streamed
export const WORDS = ["Tokens", " are", " slow", " because", " they", " wait", "."];
const PROMPT_TOKENS = 12;

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

const usage = (completion) => ({
  prompt_tokens: PROMPT_TOKENS,
  completion_tokens: completion,
  total_tokens: PROMPT_TOKENS + completion,
  prompt_tokens_details: { cached_tokens: 4 },
  completion_tokens_details: { reasoning_tokens: 0 },
});

const toolCall = [
  { id: "call_1", type: "function", function: { name: "weather", arguments: '{"city":"Kyiv"}' } },
];

// A model's first answer to a question with tools is the call of one; with the tool's result it answers in words.
const wantsTool = (ask) => Boolean(ask.tools) && !ask.messages.some((m) => m.role === "tool");

async function whole(ask, response) {
  await sleep(WHOLE_MS);
  const message = wantsTool(ask)
    ? { role: "assistant", content: null, tool_calls: toolCall }
    : { role: "assistant", content: WORDS.join("") };
  const reason = wantsTool(ask) ? "tool_calls" : "stop";
  response.setHeader("content-type", "application/json");
  response.end(
    JSON.stringify({
      id: "chatcmpl-1", object: "chat.completion", created: 1, model: ask.model + "-0001",
      choices: [{ index: 0, message, finish_reason: reason }], usage: usage(WORDS.length),
    }),
  );
}

async function streamed(ask, response) {
  await sleep(HEADERS_MS);
  response.setHeader("content-type", "text/event-stream");
  response.flushHeaders();
  const send = (fields) =>
    response.write(
      "data: " + JSON.stringify({ id: "chatcmpl-1", object: "chat.completion.chunk", created: 1, model: ask.model + "-0001", ...fields }) + "\n\n",
    );
  await sleep(FIRST_CHUNK_MS);
  for (const [at, content] of WORDS.entries()) {
    if (at > 0) await sleep(CHUNK_GAP_MS);
    const delta = at === 0 ? { role: "assistant", content } : { content };
    send({ choices: [{ index: 0, delta, finish_reason: null }] });
  }
  send({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] });
  if (ask.stream_options?.include_usage) send({ choices: [], usage: usage(WORDS.length) });
  response.end("data: [DONE]\n\n");
}

async function embedding(ask, response) {
  await sleep(WHOLE_MS);
  response.setHeader("content-type", "application/json");
  response.end(
    JSON.stringify({
      object: "list", model: ask.model + "-0001", data: [{ object: "embedding", index: 0, embedding: [0.1, 0.2] }],
      usage: { prompt_tokens: PROMPT_TOKENS, total_tokens: PROMPT_TOKENS },
    }),
  );
}

// start listens on a free port of this host and returns the address of the API and a function that stops it.
export async function start() {
  const server = http.createServer(async (request, response) => {
    let body = "";
    for await (const piece of request) body += piece;
    const ask = JSON.parse(body);
    if (ask.model === "broken") {
      response.statusCode = 500;
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify({ error: { message: "the model is broken", type: "server_error" } }));
    } else if (request.url.endsWith("/embeddings")) await embedding(ask, response);
    else if (ask.stream) await streamed(ask, response);
    else await whole(ask, response);
  });
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  const stop = () => {
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://127.0.0.1:${server.address().port}/v1`, stop };
}
