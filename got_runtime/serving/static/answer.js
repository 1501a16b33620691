// What was read on a page: as text whose parts are linked to the picture, rendered, as Markdown, as JSON.

const FORMATS = ["text", "rendered", "markdown", "json"];

/** The parts of a page's text, each with its box as fractions of the page, or null. */
export function partsOf(page) {
  const [width, height] = page.size_pt || [page.width, page.height];
  const box = ([x0, y0, x1, y1]) => [x0 / width, y0 / height, x1 / width, y1 / height];
  if (page.lines.length) {
    const lines = page.lines.filter((line) => line.text);
    return page.text.split("\n").map((row, index, rows) => {
      const found = lines.findIndex((each) => each.text === row);
      const line = found < 0 ? null : lines.splice(0, found + 1).pop(); // lines and rows have the same order
      return { text: index + 1 < rows.length ? `${row}\n` : row, box: line && box(line.bbox) };
    });
  }
  const parts = [];
  let end = 0;
  for (const each of [...page.boxes].sort((one, other) => one.span[0] - other.span[0])) {
    const [start, stop] = each.span;
    if (start > end) parts.push({ text: page.text.slice(end, start), box: null });
    if (stop > end) parts.push({ text: page.text.slice(Math.max(start, end), stop), box: box(each.bbox) });
    end = Math.max(end, stop);
  }
  if (end < page.text.length) parts.push({ text: page.text.slice(end), box: null });
  return parts;
}

export class Answer {
  /** onMark(index or null) gets the part under the pointer. */
  constructor(onMark) {
    this.panel = document.getElementById("panel");
    this.tabs = FORMATS.map((format) => document.getElementById(`tab-${format}`));
    this.onMark = onMark;
    this.page = null;
    this.tabs.forEach((tab, index) => {
      tab.addEventListener("click", () => this.choose(index));
      tab.addEventListener("keydown", (event) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (!step) return;
        this.choose((index + step + this.tabs.length) % this.tabs.length);
        this.tabs[this.chosen].focus();
      });
    });
    this.panel.addEventListener("pointerover", (event) => this.onMark(partAt(event.target)));
    this.panel.addEventListener("pointerleave", () => this.onMark(null));
    this.choose(0);
  }

  choose(index) {
    this.chosen = index;
    this.tabs.forEach((tab, each) => {
      tab.setAttribute("aria-selected", each === index);
      tab.tabIndex = each === index ? 0 : -1;
    });
    this.panel.setAttribute("aria-labelledby", this.tabs[index].id);
    this.update();
  }

  /** Shows a page: {text} while it is being read, then its result; null for none. */
  show(page, parts) {
    this.page = page;
    this.parts = parts || [{ text: page ? page.text : "", box: null }];
    this.update();
  }

  update() {
    const page = this.page;
    const format = FORMATS[this.chosen];
    if (!page) return this.panel.replaceChildren();
    if (format === "rendered" && page.html) return this.panel.replaceChildren(...rendered(page.html));
    const pre = document.createElement("pre");
    if (format === "text" || format === "rendered") pre.append(...this.parts.map(span));
    else pre.textContent = format === "json" ? JSON.stringify(plain(page), null, 2) : (page.markdown ?? page.text);
    this.panel.replaceChildren(pre);
  }

  mark(index) {
    for (const each of this.panel.querySelectorAll("[data-part]")) {
      const marked = Number(each.dataset.part) === index;
      each.classList.toggle("marked", marked);
      if (marked && !each.matches(":hover")) each.scrollIntoView({ block: "nearest" });
    }
  }

  /** The page in the format that is shown. */
  get shown() {
    if (!this.page) return "";
    const texts = { markdown: this.page.markdown, json: JSON.stringify(plain(this.page), null, 2) };
    return texts[FORMATS[this.chosen]] ?? this.page.text;
  }
}

/** A page without what was added to the result for this view. */
export function plain(page) {
  const { html, markdown, ...result } = page;
  return result;
}

function span(part, index) {
  const element = document.createElement("span");
  element.textContent = part.text;
  if (part.box) element.dataset.part = index;
  return element;
}

function partAt(element) {
  const part = element.closest?.("[data-part]");
  return part ? Number(part.dataset.part) : null;
}

// The service has sanitised the HTML already, and this page's policy forbids scripts and styles inside it.
function rendered(html) {
  const template = document.createElement("template"); // its document is inert: no style in it is applied, and reported
  template.innerHTML = html;
  const body = template.content;
  for (const each of body.querySelectorAll("script, style, link, iframe, object, embed, form, base, meta, title")) each.remove();
  for (const each of body.querySelectorAll("*")) {
    for (const { name } of [...each.attributes]) if (["style", "id", "name"].includes(name) || name.startsWith("on")) each.removeAttribute(name);
    if (each.localName === "a") {
      if (!/^(https?:|mailto:|#)/i.test(each.getAttribute("href") ?? "")) each.removeAttribute("href");
      each.rel = "noopener noreferrer";
      each.target = "_blank";
    }
  }
  return [...document.importNode(body, true).childNodes];
}
