// The page: one photo is shown large, several as a batch.

import { jobPath } from "./addresses.js";
import { Batch } from "./batch.js";
import { BatchView } from "./batch-view.js";
import { ofBatch, ofPhoto, scope, showCommand } from "./curl-command.js";
import { byId, make, perFrame, setText } from "./dom.js";
import { onPhotos } from "./file-input.js";
import { showLeftOut } from "./left-out.js";
import { showPhoto } from "./preview.js";
import { rememberBatch, showRecent } from "./recent-batches.js";
import { showNothing } from "./result-panel.js";
import { onSample } from "./samples.js";
import { watchHealth } from "./service-status.js";
import { classify, forgetSingle } from "./single-photo.js";

const view = new BatchView();
let batch = null;

function take(photos, leftOut) {
  if (batch || photos.length > 1) {
    (batch ?? begin()).add(photos, leftOut);
    return showLeftOut(batch.leftOut);
  }
  showLeftOut(leftOut);
  if (photos.length) takeOne(photos[0].file);
}

function takeOne(file) {
  byId("samples").hidden = true;
  showRecent(false);
  classify(file);
  showCommand(() => ofPhoto(file));
}

function begin() {
  forgetSingle();
  showCommand(null);
  showRecent(false);
  batch = new Batch();
  view.show(batch);
  batch.addEventListener("job", remember);
  batch.addEventListener("change", drawCommand);
  see("batch");
  return batch;
}

function startOver() {
  leave();
  history.replaceState(null, "", location.pathname);
  byId("pick").focus();
}

function leave() {
  batch?.leave();
  batch = null;
  showLeftOut([]);
  showEmpty();
}

function showEmpty() {
  showPhoto(byId("photo"), null);
  byId("photo").replaceChildren(make("label", { htmlFor: "pick", className: "photo-empty" },
    make("span", { className: "for-mouse" }, "Drop a photo here"), make("span", { className: "for-touch" }, "Choose a photo")));
  byId("samples").hidden = false;
  showNothing(byId("answer"));
  showCommand(null);
  showRecent(true);
  see("single");
}

// the title, and how to go on with a mouse and with a finger; index.html has those of one photo
const TEXTS = {
  single: ["What is in the photo?", ...[...byId("lead").children].map((lead) => lead.textContent)],
  batch: ["What is in the photos?", "Drop, paste or choose more to add them. Click a photo to enlarge it.", "Choose more to add them. Tap one to enlarge it."],
};

function see(name) {
  byId("single").hidden = name !== "single";
  byId("batch").hidden = name !== "batch";
  const [title, ...leads] = TEXTS[name];
  setText(byId("title"), title);
  leads.forEach((lead, at) => setText(byId("lead").children[at], lead));
}

// in the same frame as the tiles above it, so that it does not jump
const drawCommand = perFrame(() => {
  if (!batch?.items.length) return;
  const names = batch.items.filter((item) => item.file).map((item) => item.name);
  const { jobs } = batch;
  showCommand(() => ofBatch(names, jobs), scope(names));
});

/** Keep the jobs in the page's address, so that a reload or a link finds them again. */
function remember() {
  const ids = batch.jobs.map((path) => path.split("/").pop());
  history.replaceState(null, "", `#${ids.join(",")}`);
  rememberBatch(ids);
  drawCommand();
}

function reopen() {
  const ids = location.hash.slice(1).split(",").filter((id) => /^[0-9a-f]{32}$/.test(id));
  if (ids.length) begin().open(ids.map(jobPath));
}

// a recent batch was chosen, or the browser's back button
addEventListener("hashchange", () => {
  if (batch?.unsent) return;
  leave();
  reopen();
});
addEventListener("beforeunload", (event) => { if (batch?.unsent) event.preventDefault(); });
byId("start-over").addEventListener("click", startOver);
onPhotos(take);
onSample((file) => take([{ file, path: file.name }], []));
showEmpty();
reopen();
watchHealth();
document.documentElement.dataset.started = ""; // needs.js looks for it
