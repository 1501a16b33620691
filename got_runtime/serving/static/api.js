// Requests to the service: a document is read with events, a part of a page as a whole.

/** A problem document (RFC 9457), or a connection that broke. */
export class Problem extends Error {
  constructor(document) {
    super(document.detail || document.title || "the service failed");
    this.code = document.code;
    this.retryAfter = document.retry_after;
  }
}

function headers(key, accept) {
  return key ? { Accept: accept, Authorization: `Bearer ${key}` } : { Accept: accept };
}

function form(file, options) {
  const body = new FormData();
  for (const [name, value] of Object.entries(options)) {
    if (value !== "" && value !== undefined) body.append(name, typeof value === "object" ? JSON.stringify(value) : value);
  }
  body.append("file", file, file.name || "picture.png");
  return body;
}

/** Raises Problem where the browser cannot read the file: it is a folder, or was changed or removed. */
async function check(file) {
  try {
    await file.slice(0, 1).arrayBuffer();
  } catch {
    throw new Problem({ detail: `${file.name} cannot be read: it is a folder, or was changed or removed; choose it again` });
  }
}

async function send(path, file, options, key, accept, signal) {
  let answer;
  await check(file);
  try {
    answer = await fetch(path, { method: "POST", body: form(file, options), headers: headers(key, accept), signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem({ detail: "the service cannot be reached: is it still running?" });
  }
  if (answer.ok) return answer;
  const problem = await answer.json().catch(() => ({ detail: `the service answered with status ${answer.status}` }));
  throw new Problem(problem);
}

async function* chunks(answer, separator) {
  const reader = answer.body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      rest += done ? decoder.decode() : decoder.decode(value, { stream: true });
      const parts = rest.replaceAll("\r\n", "\n").split(separator);
      rest = parts.pop();
      yield* parts;
      if (done) break;
    }
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem({ detail: "the connection to the service broke: read the document again" });
  }
  if (rest.trim()) yield rest;
}

/** What the service says of itself. */
export async function info(key) {
  const answer = await fetch("/v1/info", { headers: headers(key, "application/json") }).catch(() => null);
  return answer?.ok ? answer.json() : null;
}

/** The events of reading a document: {event, data}. */
export async function* read(file, options, key, signal) {
  const answer = await send("/v1/read", file, options, key, "text/event-stream", signal);
  for await (const block of chunks(answer, "\n\n")) {
    const event = { event: "message", data: "" };
    for (const line of block.split("\n")) {
      const colon = line.indexOf(":");
      if (colon <= 0) continue; // a comment keeps the connection alive
      const name = line.slice(0, colon);
      const value = line.slice(colon + 1).replace(/^ /, "");
      if (name === "event") event.event = value;
      if (name === "data") event.data += value;
    }
    if (!event.data) continue;
    event.data = JSON.parse(event.data);
    if (event.event === "error") throw new Problem(event.data);
    yield event;
  }
}

/** The result of reading one page with a task of its own. */
export async function readPart(file, options, key, signal) {
  const answer = await send("/v1/read", file, options, key, "application/json", signal);
  const [page] = (await answer.json()).pages;
  if (page.error) throw new Problem({ detail: page.error.message });
  return page;
}

/** Pictures of pages: {number, label, total, image} or {number, problem}. */
export async function* pictures(file, options, key, signal) {
  const answer = await send("/v1/pages", file, options, key, "application/x-ndjson", signal);
  for await (const line of chunks(answer, "\n")) {
    if (!line) continue;
    const page = JSON.parse(line);
    if (page.problem && page.number === undefined) throw new Problem(page.problem);
    yield page;
  }
}
