// The page: a document is chosen, read as it is decoded, and shown beside its pictures.

import { Problem, info, pictures, read, readPart } from "/static/api.js";
import { Answer, partsOf } from "/static/answer.js";
import { commands, copy, save } from "/static/outputs.js";
import { Picture } from "/static/picture.js";

const SLICE = 20; // pages whose pictures are fetched at a time
const at = (id) => document.getElementById(id);
const options = at("options");

let model = "got-nano";
let mostBytes = Infinity;
let document_ = null; // {file, options, pages: Map, numbers, current, abort: all requests, cancel: its reading, …}

const picture = new Picture(readBox, mark);
const answer = new Answer(mark);

function mark(index) {
  picture.mark(index);
  answer.mark(index);
}

function key() {
  return options.elements.key.value;
}

function say(text) {
  at("status").textContent = text;
}

/** The next step, where this page has a field for it. */
function advice({ code, message }) {
  const { key: secret, password } = options.elements;
  if (code === "Unauthorized") return ask("key-label", secret, "this service needs a valid key: enter it, and read again");
  if (code !== "SourceEncrypted") return message;
  const what = password.value ? "the password does not fit" : "the document is encrypted";
  return ask("password-label", password, `${what}: enter its password, and read again`);
}

function ask(label, field, message) {
  at(label).hidden = false;
  field.focus();
  return message;
}

function complain(error) {
  const wait = error instanceof Problem && error.retryAfter ? ` Try again in ${error.retryAfter} s.` : "";
  at("problem").textContent = error ? `${advice(error)}.${wait}`.replace("..", ".") : "";
  at("problem").hidden = !error;
}

function chosenOptions() {
  const { task, pages, rotate, password } = options.elements;
  return { task: task.value, pages: pages.value.trim(), rotate: rotate.value === "0" ? "" : rotate.value, password: password.value };
}

async function open(file) {
  document_?.abort.abort();
  document_?.cancel.abort();
  const current = (document_ = {
    file, options: chosenOptions(), pages: new Map(), numbers: [], current: null, abort: new AbortController(),
    cancel: new AbortController(), sliced: new Set(), wanted: [], isFetching: false,
  });
  complain(null);
  at("strip").replaceChildren();
  at("strip").hidden = true;
  at("regions").replaceChildren();
  at("reading").hidden = true;
  at("again").disabled = false;
  at("cancel").hidden = false;
  at("progress").hidden = false;
  at("progress").removeAttribute("value");
  say(`Sending ${file.name || "the picture"} …`);
  [at("curl").textContent, at("python").textContent] = commands(file, current.options, key(), model);
  const started = performance.now();
  try {
    if (file.size > mostBytes) throw new Problem({ detail: `${file.name} is larger than ${mostBytes.toLocaleString("en")} bytes: split it` });
    for await (const { event, data } of read(file, { ...current.options, boxes: true, include: "markdown,html" }, key(), current.cancel.signal)) {
      if (current !== document_) return;
      if (event === "accepted") accepted(current, data);
      else if (event === "token") token(current, data);
      else if (event === "page") pageDone(current, data);
      else if (event === "done") finished(current, data, started);
    }
  } catch (error) {
    if (current !== document_) return;
    if (error.name !== "AbortError") complain(error);
    const read = count(done(current), "page");
    say(error.name === "AbortError" ? `Cancelled after ${read}.` : current.numbers.length ? `Stopped after ${read}.` : "");
  } finally {
    if (current === document_) {
      at("cancel").hidden = true;
      at("progress").hidden = true;
    }
  }
}

function done(current) {
  return [...current.pages.values()].filter((page) => page.result).length;
}

function count(number, noun) {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

function accepted(current, { pages, waiting_pages: waiting }) {
  current.numbers = pages;
  at("progress").max = Math.max(1, pages.length);
  at("progress").value = 0;
  const others = waiting - pages.length;
  say(others > 0 ? `Waiting behind ${count(others, "page")} …` : `Reading ${count(pages.length, "page")} …`);
  for (const number of pages) {
    const button = document.createElement("button");
    button.type = "button";
    const blank = document.createElement("span");
    blank.className = "blank";
    const state = document.createElement("span");
    state.textContent = `page ${number}`;
    button.append(blank, state);
    button.addEventListener("click", () => select(current, number));
    current.pages.set(number, { number, text: "", button, state });
    at("strip").append(button);
    watcher.observe(button);
  }
  at("strip").hidden = pages.length < 2;
  at("reading").hidden = !pages.length;
  if (pages.length) select(current, pages[0]);
}

// Pictures are fetched in slices, when the thumbnails of a slice come into view.
const watcher = new IntersectionObserver((entries) => {
  const current = document_;
  for (const { isIntersecting, target } of entries) {
    const index = [...at("strip").children].indexOf(target);
    if (current && isIntersecting && index >= 0) fetchPictures(current, Math.floor(index / SLICE));
  }
});

/** One slice after the other, the one that was asked for last first: each request sends the document again. */
async function fetchPictures(current, slice) {
  if (current.sliced.has(slice)) return;
  current.sliced.add(slice);
  current.wanted.push(slice);
  if (current.isFetching) return;
  current.isFetching = true;
  while (current.wanted.length) await fetchSlice(current, current.wanted.pop());
  current.isFetching = false;
}

async function fetchSlice(current, slice) {
  const numbers = current.numbers.slice(slice * SLICE, (slice + 1) * SLICE);
  const { rotate, password } = current.options;
  try {
    for await (const shown of pictures(current.file, { pages: numbers.join(","), rotate, password }, key(), current.abort.signal)) {
      if (current !== document_) return;
      const page = current.pages.get(shown.number);
      if (!page || !shown.image) continue;
      page.image = shown.image;
      const thumbnail = document.createElement("img");
      thumbnail.src = shown.image;
      thumbnail.alt = "";
      page.button.firstChild.replaceWith(thumbnail);
      if (current.current === shown.number) picture.show(page.image, `Page ${shown.number}`);
    }
  } catch (error) {
    current.sliced.delete(slice);
    if (current !== document_ || error.name === "AbortError") return;
    if (error.retryAfter) setTimeout(() => fetchPictures(current, slice), 1000 * error.retryAfter);
    else if (at("problem").hidden) complain(error);
  }
}

function select(current, number) {
  current.current = number;
  const page = current.pages.get(number);
  for (const each of current.pages.values()) each.button.setAttribute("aria-current", each === page ? "page" : "false");
  page.button.scrollIntoView({ block: "nearest", inline: "nearest" });
  at("picture-title").textContent = `Page ${number} of ${current.file.name || "the picture"}`;
  picture.show(page.image, `Page ${number}`);
  fetchPictures(current, Math.floor(current.numbers.indexOf(number) / SLICE));
  display(page);
}

function display(page) {
  const { result } = page;
  const parts = result && !result.error ? partsOf(result) : null;
  picture.setBoxes(parts ? parts.map((part) => part.box) : []);
  answer.show(result ?? { text: page.text }, parts);
  const notes = result ? [...(result.error ? [result.error.message] : []), ...result.warnings] : [];
  if (result?.confidence) notes.push(`mean confidence ${(100 * result.confidence.mean).toFixed(1)} %`);
  at("notes").replaceChildren(...notes.map((note, index) => item(note, index === 0 && result.error ? "problem" : "")));
}

function item(text, kind) {
  const element = document.createElement("li");
  element.textContent = text;
  element.className = kind;
  return element;
}

function token(current, { page: number, text }) {
  const page = current.pages.get(number);
  if (!page || page.result) return;
  page.text += text;
  if (current.current === number) answer.show({ text: page.text });
}

function pageDone(current, result) {
  const page = current.pages.get(result.number);
  if (!page) return;
  page.result = result;
  page.state.textContent = result.error ? `page ${result.number} failed` : `page ${result.number} ✓`;
  page.state.classList.toggle("failed", Boolean(result.error));
  at("progress").value = done(current);
  say(`Read ${done(current)} of ${count(current.numbers.length, "page")} …`);
  if (current.current === result.number) display(page);
}

function finished(current, { pages, failed }, started) {
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  say(`${count(pages, "page")} in ${seconds} s${failed ? `, ${failed} of them failed` : ""}.`);
}

async function readBox(box) {
  for (const name of ["x1", "y1", "x2", "y2"]) at("region").elements[name].value = (100 * box[name]).toFixed(1);
  picture.draw(box);
  const percent = Object.values(box).map((value) => Math.round(100 * value)).join(", ");
  await readRegion({ kind: "box", ...box, unit: "fraction", crop: true }, `Box ${percent} %`);
}

async function readRegion(task, name) {
  const current = document_;
  const entry = document.createElement("li");
  const label = document.createElement("span");
  const text = document.createElement("pre");
  label.textContent = `${name} of page ${current.current}: reading …`;
  entry.append(label, text);
  at("regions").prepend(entry);
  try {
    const page = await readPart(current.file, { ...current.options, task, pages: String(current.current) }, key(), current.abort.signal);
    label.textContent = `${name} of page ${page.number}:`;
    text.textContent = page.text || "(no text)";
  } catch (error) {
    label.textContent = `${name} of page ${current.current}: ${error.name === "AbortError" ? "cancelled" : error.message}`;
    label.className = "problem";
  }
}

/** Begins with another document. */
function take(files) {
  const file = [...files].find((each) => each.type === "application/pdf" || each.type.startsWith("image/")) ?? files[0];
  if (!file) return;
  options.elements.password.value = "";
  at("password-label").hidden = true;
  open(file);
  if (files.length > 1) complain(new Problem({ detail: `of ${files.length} files, only ${file.name} is read: give one at a time` }));
}

for (const id of ["file", "camera"]) {
  at(id).addEventListener("change", (event) => {
    take(event.target.files);
    event.target.value = ""; // the same file may be chosen again
  });
}
let sample = ""; // the one that was asked for last
for (const button of document.querySelectorAll("[data-sample]")) {
  button.addEventListener("click", async () => {
    const name = button.dataset.sample;
    sample = name;
    try {
      const body = await (await fetch(`/static/samples/${name}`)).blob();
      if (sample === name) take([new File([body], name, { type: body.type })]);
    } catch {
      complain(new Problem({ detail: "the service cannot be reached: is it still running?" }));
    }
  });
}
for (const button of document.querySelectorAll("[data-save]")) button.addEventListener("click", () => save(document_, button.dataset.save));
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("over");
});
document.addEventListener("dragleave", (event) => event.relatedTarget || document.body.classList.remove("over"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("over");
  const { files } = event.dataTransfer;
  if (files.length) take(files);
  else complain(new Problem({ detail: "that is no file: drop a PDF or an image" }));
});
document.addEventListener("paste", (event) => {
  if (event.clipboardData.files.length) take(event.clipboardData.files);
});
options.addEventListener("submit", (event) => {
  event.preventDefault();
  if (document_) open(document_.file);
});
at("cancel").addEventListener("click", () => document_.cancel.abort());
at("copy").addEventListener("click", async () => {
  at("copied").textContent = "";
  at("copied").textContent = (await copy(answer.shown)) ? "Copied." : "The browser refused: select the text and copy it.";
});
at("region").addEventListener("submit", (event) => {
  event.preventDefault();
  const edge = (name) => Number(event.target.elements[name].value) / 100;
  readBox({ x1: edge("x1"), y1: edge("y1"), x2: edge("x2"), y2: edge("y2") });
});
at("frame").addEventListener("submit", (event) => {
  event.preventDefault();
  const color = event.target.elements.color.value;
  readRegion({ kind: "color", color }, `The ${color} frame`);
});

async function introduce() {
  const told = await info(key());
  at("key-label").hidden = !(told === null || told.needs_key);
  if (!told) return;
  model = told.model.name;
  mostBytes = told.limits.max_bytes;
  at("model").textContent = `${model}, ${told.model.dtype} on ${told.model.device}` +
    (model === "got-nano" ? ": a demonstration network that reads printed English in clear type" : "");
  at("version").textContent = `got-ocr ${told.version}, ${told.licence}.`;
  at("links").replaceChildren();
  for (const [name, address] of Object.entries(told.source)) {
    if (!address) continue;
    const link = document.createElement("a");
    link.href = address;
    link.textContent = `Source of ${name}`;
    at("links").append(link, " ");
  }
}

options.elements.key.addEventListener("change", introduce);
introduce();
