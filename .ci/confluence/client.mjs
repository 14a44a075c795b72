// Does what publishing does, with somebody else's client of Confluence Cloud, which checks every answer against the
// schema that Atlassian publishes: node client.mjs URL EMAIL TOKEN. Prints what it saw as JSON.
import { createV1Client, createV2Client } from "confluence.js";

const [host, email, apiToken] = process.argv.slice(2);
const auth = { type: "basic", email, apiToken };
const v2 = createV2Client({ host, auth });
const v1 = createV1Client({ host, auth });

const spaces = await v2.space.getSpaces({ keys: ["PERF"] });
const spaceId = spaces.results[0].id;
const body = (value) => ({ representation: "storage", value });

const page = await v2.page.createPage({ body: { spaceId, status: "current", title: "By a third party", body: body("<p>first</p>") } });
const updated = await v2.page.updatePage({
  id: page.id,
  body: { id: page.id, status: "current", title: page.title, body: body("<p>second</p>"), version: { number: page.version.number + 1, message: "a person's" } },
});
let conflict;
try {
  await v2.page.updatePage({ id: page.id, body: { id: page.id, status: "current", title: page.title, body: body("<p>stale</p>"), version: { number: updated.version.number, message: "" } } });
} catch (error) {
  conflict = error.status ?? error.response?.status ?? String(error);
}
const read = await v2.page.getPageById({ id: page.id, bodyFormat: "storage" });
const found = await v2.page.getPages({ spaceId: [spaceId], title: page.title });

const file = (text) => ({ filename: "a.png", content: new TextEncoder().encode(text) });
await v1.contentAttachments.createAttachment({ id: page.id, attachments: [file("one")] });
const attachments = await v2.attachment.getPageAttachments({ id: page.id });
await v1.contentAttachments.updateAttachmentData({ id: page.id, attachmentId: attachments.results[0].id, attachment: file("two") });

console.log(JSON.stringify({
  space: spaces.results[0].key, id: page.id, version: updated.version.number, conflict, read: read.body.storage.value,
  found: found.results.map((p) => p.id), attachments: attachments.results.map((a) => a.title),
}));
