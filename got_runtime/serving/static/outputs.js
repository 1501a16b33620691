// What a user takes along: the text in a file or the clipboard, and the same request for a shell and for Python.

import { plain } from "/static/answer.js";

const SAVED = {
  md: ["text/markdown", (pages) => pages.map((page) => page.markdown ?? page.text).join("\n\n")],
  txt: ["text/plain", (pages) => pages.map((page) => page.text).join("\n\n")],
  json: ["application/json", (pages) => JSON.stringify(pages.map(plain), null, 2)],
  html: ["text/html", (pages) => joined(pages.map((page) => page.html).filter(Boolean))],
};

/** The pages' documents as one. */
function joined(pages) {
  const end = "</body>";
  const body = (html) => html.slice(html.indexOf(">", html.indexOf("<body")) + 1, html.lastIndexOf(end));
  const [first = "", ...others] = pages;
  const stop = first.lastIndexOf(end);
  return first.slice(0, stop) + others.map((html) => `<hr>${body(html)}`).join("") + first.slice(stop);
}

/** Saves the pages that were read. */
export function save({ file, pages }, format) {
  const [type, text] = SAVED[format];
  const results = [...pages.values()].map((page) => page.result).filter(Boolean);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text(results)], { type }));
  link.download = `${(file.name || "picture").replace(/\.[^.]*$/, "")}.${format}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

/** Copies a text; returns whether the browser did. */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch { // not offered on addresses without TLS
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    const isCopied = document.execCommand("copy");
    area.remove();
    return isCopied;
  }
}

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/** The command for a shell and the lines of Python that read the same. Secrets are left to the user. */
export function commands(file, options, key, model) {
  const name = file.name || "picture.png";
  const chosen = Object.entries(options).filter(([option, value]) => value && value !== "plain" && option !== "password");
  const fields = chosen.map(([option, value]) => ` -F ${quoted(`${option}=${value}`)}`).join("");
  const password = options.password ? ' -F "password=$PASSWORD"' : "";
  const secret = key ? ' -H "X-Api-Key: $KEY"' : "";
  // curl parts a file's name at ; and , unless it stands in double quotes.
  const path = /[;,"\\]/.test(name) ? `"${name.replace(/["\\]/g, "\\$&")}"` : name;
  const curl = `curl ${location.origin}/v1/read -F ${quoted(`file=@${path}`)}${fields}${password}${secret} -H 'Accept: text/markdown'`;
  const keywords = chosen.map(([option, value]) => `, ${option}=${option === "rotate" ? value : JSON.stringify(value)}`).join("");
  const weights = model === "got-nano" ? "" : JSON.stringify(model);
  const opening = options.password ? ', password="…"' : "";
  const python = "from got_runtime import GotRuntime\n\n" +
    `runtime = GotRuntime.from_pretrained(${weights})\nprint(runtime.read(${JSON.stringify(name)}${keywords}${opening}).markdown)`;
  return [curl, python];
}
