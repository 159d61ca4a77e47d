// Where photos come from: dropped files and folders, the clipboard, the two pickers.

import { byId } from "./dom.js";

const LOOKS_LIKE_A_PHOTO = /\.(jpe?g|jfif|png)$/i;

/** Call back with the files of every drop, paste and choice; leftOut counts a folder's other files. */
export function onPhotos(take) {
  for (const id of ["pick", "pick-folder"]) {
    const input = byId(id);
    input.addEventListener("change", () => {
      const files = [...input.files];
      input.value = ""; // so that the same photo can be chosen again
      give(take, id === "pick" ? files : inOrder(files.filter(isPhoto)), files.length);
    });
  }
  document.addEventListener("paste", (event) => {
    const files = [...event.clipboardData.files];
    if (files.length) event.preventDefault();
    give(take, files, files.length);
  });
  onDrop(async (transfer) => {
    const { files, seen } = await filesOf(transfer);
    give(take, files, seen);
  });
}

function give(take, files, seen) {
  if (seen) take(files, seen - files.length);
}

/** A folder's files as a person would list them: 2.jpg before 10.jpg. */
const { compare } = new Intl.Collator(undefined, { numeric: true });
const inOrder = (files) => files.sort((one, other) => compare(pathOf(one), pathOf(other)));
const pathOf = (file) => file.webkitRelativePath || file.name;
const isPhoto = (file) => LOOKS_LIKE_A_PHOTO.test(file.name) && !file.name.startsWith(".");

function onDrop(drop) {
  const root = document.documentElement;
  let depth = 0; // enter and leave come for every element on the way
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

async function filesOf(transfer) {
  // the entries are gone after the first await, so all are taken before it
  const given = [...transfer.items].filter((item) => item.kind === "file")
    .map((item) => item.webkitGetAsEntry?.() ?? item.getAsFile());
  const files = [];
  let seen = 0;
  for (const one of given) {
    // what was dropped by itself is the user's word; a folder holds other things too
    const inside = one instanceof File ? [one] : await all(walk(one));
    seen += inside.length;
    files.push(...(one.isDirectory ? inOrder(inside.filter(isPhoto)) : inside));
  }
  return { files, seen };
}

async function all(iterator) {
  const found = [];
  for await (const each of iterator) found.push(each);
  return found;
}

async function* walk(entry) {
  if (entry.isFile) {
    yield await new Promise((resolve, reject) => entry.file(resolve, reject));
    return;
  }
  const reader = entry.createReader();
  for (;;) { // a reader gives a hundred entries at a time
    const entries = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!entries.length) return;
    for (const each of entries) yield* walk(each);
  }
}
