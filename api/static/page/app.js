// The page: what was dropped decides which of its two views is seen.

import { showNothing } from "./answer.js";
import { Batch } from "./batch.js";
import { Board } from "./board.js";
import { ofBatch, ofPhoto, showCommand, takes } from "./curl.js";
import { byId, make, perFrame, setText } from "./dom.js";
import { watchHealth } from "./health.js";
import { onPhotos } from "./photos.js";
import { showPhoto } from "./photo.js";
import { classify, forgetSingle } from "./single.js";

const board = new Board();
let batch = null;

function take(files, leftOut) {
  tell(leftOut ? `Left out: ${leftOut === 1 ? "one file that is" : `${leftOut} files that are`} neither JPEG nor PNG.` : "");
  if (!files.length) return;
  if (batch || files.length > 1) return (batch ?? begin()).add(files);
  classify(files[0]);
  showCommand(ofPhoto(files[0].name));
}

function begin() {
  forgetSingle();
  showCommand("");
  batch = new Batch();
  board.show(batch);
  batch.addEventListener("job", remember);
  batch.addEventListener("change", drawCommand);
  see("batch");
  return batch;
}

function startOver() {
  batch?.leave();
  batch = null;
  history.replaceState(null, "", location.pathname);
  showEmpty();
  byId("pick").focus();
}

function showEmpty() {
  showPhoto(byId("photo"), null);
  byId("photo").replaceChildren(make("label", { htmlFor: "pick", className: "photo-empty" }, "Drop a photo here"));
  showNothing(byId("answer"));
  showCommand("");
  tell("");
  see("single");
}

const INTRODUCTIONS = {
  single: ["What is in the photo?", "Drop photos anywhere on this page, paste one, or choose. JPEG or PNG."],
  batch: ["What is in the photos?", "Drop, paste or choose more to add them. A click opens one large."],
};

function see(view) {
  byId("single").hidden = view !== "single";
  byId("batch").hidden = view !== "batch";
  const [title, lead] = INTRODUCTIONS[view];
  setText(byId("title"), title);
  setText(byId("lead"), lead);
}

const tell = (text) => byId("alert").replaceChildren(...(text ? [make("p", { className: "left-out" }, text)] : []));

// in the frame that draws the tiles above it, so that it does not jump
const drawCommand = perFrame(() => {
  if (!batch?.items.length) return;
  const names = batch.items.filter((item) => item.file).map((item) => item.name);
  showCommand(ofBatch(names, batch.jobs), takes(names));
});

/** The jobs stand in the address, so that a reload or a link finds them again. */
function remember() {
  history.replaceState(null, "", `#${batch.jobs.map((path) => path.split("/").pop()).join(",")}`);
  drawCommand();
}

function reopen() {
  const ids = location.hash.slice(1).split(",").filter((id) => /^[0-9a-f]{32}$/.test(id));
  if (ids.length) begin().open(ids.map((id) => `/jobs/${id}`));
}

addEventListener("beforeunload", (event) => { if (batch?.unsent) event.preventDefault(); });
byId("start-over").addEventListener("click", startOver);
onPhotos(take);
showEmpty();
reopen();
watchHealth();
