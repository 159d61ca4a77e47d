// Where photos come from: dropped files and folders, the clipboard, the file pickers.

import { byId } from "./dom.js";
import { reasonAgainst, unreadable } from "./left-out.js";

/**
 * Call back with the photos, {file, path}, of every drop, paste and choice, and with what a folder
 * holds besides, {path, reason}.
 */
export function onPhotos(take) {
  for (const id of ["pick", "pick-camera", "pick-folder"]) {
    const input = byId(id);
    input.addEventListener("change", () => {
      const entries = [...input.files].map((file) => ({ file, path: pathOf(file) }));
      input.value = ""; // so that the same photo can be chosen again
      give(take, id === "pick-folder" ? sorted(entries) : { photos: entries, leftOut: [] });
    });
  }
  document.addEventListener("paste", (event) => {
    const entries = [...event.clipboardData.files].map((file) => ({ file, path: file.name }));
    if (entries.length) event.preventDefault();
    give(take, { photos: entries, leftOut: [] });
  });
  onDrop(async (transfer) => give(take, await photosIn(transfer)));
}

function give(take, { photos, leftOut }) {
  if (photos.length || leftOut.length) take(photos, leftOut);
}

/** A folder's photos as people list them, 2.jpg before 10.jpg, and its other files. */
function sorted(entries) {
  const [photos, leftOut] = [[], []];
  for (const entry of entries.sort((one, other) => compare(one.path, other.path))) {
    const reason = entry.file ? reasonAgainst(entry.file.name) : "";
    if (!entry.file) leftOut.push(unreadable(entry.path));
    else if (reason) leftOut.push({ path: entry.path, reason });
    else photos.push(entry);
  }
  return { photos, leftOut };
}

const { compare } = new Intl.Collator(undefined, { numeric: true });
const pathOf = (file) => file.webkitRelativePath || file.name;

function onDrop(drop) {
  const root = document.documentElement;
  let depth = 0; // enter and leave are sent for every element on the way
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
  const mark = (change) => { depth = change; root.classList.toggle("dropping", depth > 0); };
  document.addEventListener("dragenter", (event) => hasFiles(event) && mark(depth + 1));
  document.addEventListener("dragleave", (event) => hasFiles(event) && mark(Math.max(0, depth - 1)));
  document.addEventListener("dragover", (event) => hasFiles(event) && event.preventDefault());
  document.addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    mark(0);
    drop(event.dataTransfer);
  });
}

async function photosIn(transfer) {
  // the entries are gone after the first await, so all are taken before it
  const dropped = [...transfer.items].filter((item) => item.kind === "file")
    .map((item) => item.webkitGetAsEntry?.() ?? item.getAsFile());
  const all = { photos: [], leftOut: [] };
  for (const one of dropped) {
    if (!one) continue;
    // a file that was dropped by itself was chosen; a folder may hold other things too
    const { photos, leftOut } = one.isDirectory ? sorted(await filesIn(one)) : await chosen(one);
    all.photos.push(...photos);
    all.leftOut.push(...leftOut);
  }
  return all;
}

async function chosen(one) {
  const entry = one instanceof File ? { file: one, path: one.name } : await read(one);
  return entry.file ? { photos: [entry], leftOut: [] } : { photos: [], leftOut: [unreadable(entry.path)] };
}

/** The file of an entry, or none where the browser cannot read it. */
function read(entry) {
  const path = entry.fullPath.replace(/^\//, "");
  return new Promise((resolve) => entry.file((file) => resolve({ file, path }), () => resolve({ path })));
}

async function filesIn(folder) {
  const found = [];
  const reader = folder.createReader();
  for (;;) { // a reader returns a hundred entries at a time
    const entries = await new Promise((resolve) => reader.readEntries(resolve, () => resolve(null)));
    if (!entries) return [...found, { path: `${folder.fullPath.slice(1)}/` }];
    if (!entries.length) return found;
    for (const entry of entries) found.push(...(entry.isFile ? [await read(entry)] : await filesIn(entry)));
  }
}
