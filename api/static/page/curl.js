// The command line for what was just done, ready to be pasted into a shell.

import { byId, setText } from "./dom.js";
import { hasKey } from "./key.js";

// More names than these would bury the command; then their endings stand for them.
const SPELLED_OUT = 40;
const PLAIN = /^[\w.+-]+$/;

const shell = (text) => `'${text.replaceAll("'", `'\\''`)}'`;
// curl itself takes commas and semicolons for its own, but not between quotes
const form = (field, name) => PLAIN.test(name)
  ? `-F ${field}=@${name}`
  : `-F ${shell(`${field}=@"${name.replace(/["\\]/g, "\\$&")}"`)}`;
const curl = (...parts) => ["curl", hasKey() ? '-H "Authorization: Bearer $API_KEY"' : "", ...parts].filter(Boolean).join(" ");
const url = (path) => `${location.origin}${path}`;

/** For a photo that was classified. */
export const ofPhoto = (name, query = "") => curl(form("file", name), query ? shell(url(`/predict${query}`)) : url("/predict"));

/** For a batch: sending it, and reading each of its jobs. */
export function ofBatch(names, jobs) {
  const send = names.length > SPELLED_OUT
    ? `printf 'form = "files=@%s"\\n' ${patterns(names)} | ${curl("-K -", url("/jobs"))}`
    : curl(...names.map((name) => form("files", name)), url("/jobs"));
  return [...(names.length ? [send] : []), ...jobs.map((path) => curl(shell(`${url(path)}/results?format=csv`)))].join("\n");
}

function patterns(names) {
  const endings = new Set(names.map((name) => /\.\w+$/.exec(name)?.[0] ?? ""));
  return [...endings].map((ending) => `*${ending}`).join(" ");
}

/** What a command that does not spell the names out takes besides: nothing, or words for it. */
export const takes = (names) => (names.length > SPELLED_OUT ? `, for every ${patterns(names)} of the folder you are in` : "");

/** Show a command, and let the button copy it; words are added to its heading. */
export function showCommand(text, words = "") {
  byId("shell").hidden = !text;
  setText(byId("curl"), text);
  setText(byId("shell-title"), `The same from a shell${words}`);
}

byId("copy").addEventListener("click", async () => {
  const button = byId("copy");
  await copy(byId("curl"));
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = "Copy"; }, 2000);
});

async function copy(element) {
  try {
    await navigator.clipboard.writeText(element.textContent);
  } catch { // no clipboard without https or permission: select it, so that Ctrl-C takes it
    getSelection().selectAllChildren(element);
    document.execCommand("copy");
  }
}
