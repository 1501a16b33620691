// The page: a document is chosen, read as it is decoded, and shown beside its pictures.

import { Problem, info, pictures, read, readPart } from "/static/api.js";
import { Answer, partsOf, plain } from "/static/answer.js";
import { Picture } from "/static/picture.js";

const SLICE = 20; // pages whose pictures are fetched at a time
const at = (id) => document.getElementById(id);
const options = at("options");

let model = "got-nano";
let document_ = null; // {file, pages: Map, numbers, current, abort, sliced}

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

function complain(error) {
  const wait = error instanceof Problem && error.retryAfter ? ` Try again in ${error.retryAfter} s.` : "";
  at("problem").textContent = error ? `${error.message}.${wait}`.replace("..", ".") : "";
  at("problem").hidden = !error;
}

function chosenOptions() {
  const { task, pages, rotate } = options.elements;
  return { task: task.value, pages: pages.value.trim(), rotate: rotate.value === "0" ? "" : rotate.value };
}

async function open(file) {
  document_?.abort.abort();
  const current = (document_ = { file, pages: new Map(), numbers: [], current: null, abort: new AbortController(), sliced: new Set() });
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
  showCommands(file);
  const started = performance.now();
  try {
    for await (const { event, data } of read(file, { ...chosenOptions(), boxes: true, include: "markdown,html" }, key(), current.abort.signal)) {
      if (current !== document_) return;
      if (event === "accepted") accepted(current, data);
      else if (event === "token") token(current, data);
      else if (event === "page") pageDone(current, data);
      else if (event === "done") finished(current, data, started);
    }
  } catch (error) {
    if (current !== document_) return;
    if (error.name !== "AbortError") complain(error);
    say(error.name === "AbortError" ? `Cancelled after ${count(done(current), "page")}.` : "");
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

async function fetchPictures(current, slice) {
  if (current.sliced.has(slice)) return;
  current.sliced.add(slice);
  const numbers = current.numbers.slice(slice * SLICE, (slice + 1) * SLICE);
  const { rotate } = chosenOptions();
  try {
    for await (const shown of pictures(current.file, { pages: numbers.join(","), rotate }, key(), current.abort.signal)) {
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
    if (current === document_ && error.name !== "AbortError") complain(error);
    current.sliced.delete(slice);
  }
}

function select(current, number) {
  current.current = number;
  const page = current.pages.get(number);
  for (const each of current.pages.values()) each.button.toggleAttribute("aria-current", each === page);
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
    const page = await readPart(current.file, { task, pages: String(current.current), rotate: chosenOptions().rotate }, key(), current.abort.signal);
    label.textContent = `${name} of page ${page.number}:`;
    text.textContent = page.text || "(no text)";
  } catch (error) {
    label.textContent = `${name} of page ${current.current}: ${error.name === "AbortError" ? "cancelled" : error.message}`;
    label.className = "problem";
  }
}

function showCommands(file) {
  const chosen = Object.entries(chosenOptions()).filter(([, value]) => value && value !== "plain");
  const name = file.name || "picture.png";
  const quoted = `'${name.replaceAll("'", "'\\''")}'`;
  const fields = chosen.map(([option, value]) => ` -F ${option}='${value}'`).join("");
  const secret = key() ? ` -H "X-Api-Key: $KEY"` : "";
  at("curl").textContent = `curl ${location.origin}/v1/read -F file=@${quoted}${fields}${secret} -H 'Accept: text/markdown'`;
  const keywords = chosen.map(([option, value]) => `, ${option}=${option === "rotate" ? value : JSON.stringify(value)}`).join("");
  const weights = model === "got-nano" ? "" : JSON.stringify(model);
  at("python").textContent = `from got_runtime import GotRuntime\n\nruntime = GotRuntime.from_pretrained(${weights})\nprint(runtime.read(${JSON.stringify(name)}${keywords}).markdown)`;
}

function results() {
  return [...document_.pages.values()].map((page) => page.result).filter(Boolean);
}

const SAVED = {
  md: ["text/markdown", () => results().map((page) => page.markdown ?? page.text).join("\n\n")],
  txt: ["text/plain", () => results().map((page) => page.text).join("\n\n")],
  json: ["application/json", () => JSON.stringify(results().map(plain), null, 2)],
  html: ["text/html", () => joined(results().map((page) => page.html).filter(Boolean))],
};

/** The pages' documents as one. */
function joined(pages) {
  const end = "</body>";
  const body = (html) => html.slice(html.indexOf(">", html.indexOf("<body")) + 1, html.lastIndexOf(end));
  const [first = "", ...others] = pages;
  const stop = first.lastIndexOf(end);
  return first.slice(0, stop) + others.map((html) => `<hr>${body(html)}`).join("") + first.slice(stop);
}

function save(format) {
  const [type, text] = SAVED[format];
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text()], { type }));
  link.download = `${(document_.file.name || "picture").replace(/\.[^.]*$/, "")}.${format}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

async function copy() {
  const text = answer.shown;
  try {
    await navigator.clipboard.writeText(text);
  } catch { // not offered on addresses without TLS
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  at("copied").textContent = "Copied.";
}

function take(files) {
  const file = [...files].find((each) => each.type === "application/pdf" || each.type.startsWith("image/")) ?? files[0];
  if (file) open(file);
}

for (const id of ["file", "camera"]) {
  at(id).addEventListener("change", (event) => {
    take(event.target.files);
    event.target.value = ""; // the same file may be chosen again
  });
}
for (const button of document.querySelectorAll("[data-sample]")) {
  button.addEventListener("click", async () => {
    const name = button.dataset.sample;
    const body = await (await fetch(`/static/samples/${name}`)).blob();
    open(new File([body], name, { type: body.type }));
  });
}
for (const button of document.querySelectorAll("[data-save]")) button.addEventListener("click", () => save(button.dataset.save));
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("over");
});
document.addEventListener("dragleave", (event) => event.relatedTarget || document.body.classList.remove("over"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("over");
  take(event.dataTransfer.files);
});
document.addEventListener("paste", (event) => {
  if (event.clipboardData.files.length) take(event.clipboardData.files);
});
options.addEventListener("submit", (event) => {
  event.preventDefault();
  if (document_) open(document_.file);
});
at("cancel").addEventListener("click", () => document_.abort.abort());
at("copy").addEventListener("click", copy);
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
  at("model").textContent = `${model}, ${told.model.dtype} on ${told.model.device}` +
    (model === "got-nano" ? ": a demonstration network that reads printed English in clear type" : "");
  at("version").textContent = `got-ocr ${told.version}, ${told.licence}.`;
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
