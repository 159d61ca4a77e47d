// The command line for what was just done, ready to be pasted into a shell.

import { ROOT, address } from "./addresses.js";
import { needsKey, onKeyNeeded } from "./api-key.js";
import { byId, setText } from "./dom.js";
import { addressOfSample } from "./samples.js";

// More names than this would bury the command; then patterns such as *.jpg stand for them.
const NAMES_MOST = 40;
const PLAIN = /^[\w.+-]+$/;

const shell = (text) => `'${text.replaceAll("'", `'\\''`)}'`;
// curl gives commas and semicolons a meaning of its own, but not between quotes
const form = (field, name) => PLAIN.test(name)
  ? `-F ${field}=@${name}`
  : `-F ${shell(`${field}=@"${name.replace(/["\\]/g, "\\$&")}"`)}`;
const curl = (...parts) => ["curl", needsKey() ? '-H "Authorization: Bearer $API_KEY"' : "", ...parts].filter(Boolean).join(" ");
const url = (path) => (ROOT.match(/^[\w:/.[\]-]+$/) ? address(path) : shell(address(path)));

/** For a photo that was classified. */
export function ofPhoto(file, query = "") {
  const sample = addressOfSample(file);
  const fetched = sample ? `curl -sO ${sample}\n` : "";
  return fetched + curl(form("file", file.name), query ? shell(address(`predict${query}`)) : url("predict"));
}

/** For a batch: sending it, and reading each of its jobs. */
export function ofBatch(names, jobs) {
  const send = names.length > NAMES_MOST
    ? `printf 'form = "files=@%s"\\n' ${patterns(names)} | ${curl("-K -", url("jobs"))}`
    : curl(...names.map((name) => form("files", name)), url("jobs"));
  return [...(names.length ? [send] : []), ...jobs.map((path) => curl(shell(`${address(path)}/results?format=csv`)))].join("\n");
}

function patterns(names) {
  const endings = new Set(names.map((name) => /\.\w+$/.exec(name)?.[0] ?? ""));
  return [...endings].map((ending) => `*${ending}`).join(" ");
}

/** For the heading: which files a command sends that does not spell out their names. */
export const scope = (names) => (names.length > NAMES_MOST ? `, for every ${patterns(names)} in the current folder` : "");

let text = () => "";
let words = "";

/** Show the command that `make` returns, with a button that copies it; null hides it. */
export function showCommand(make, extra = "") {
  text = make ?? (() => "");
  words = extra;
  draw();
}

function draw() {
  const command = text();
  byId("shell").hidden = !command;
  setText(byId("curl"), command);
  setText(byId("shell-title"), `The same from a shell${words}`);
}

onKeyNeeded(draw);

byId("copy").addEventListener("click", async () => {
  const button = byId("copy");
  await copy(byId("curl"));
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = "Copy"; }, 2000);
});

async function copy(element) {
  try {
    await navigator.clipboard.writeText(element.textContent);
  } catch { // no clipboard without https or permission: select the text, so that Ctrl-C copies it
    getSelection().selectAllChildren(element);
    document.execCommand("copy");
  }
}
