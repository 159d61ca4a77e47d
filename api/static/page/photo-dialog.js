// One photo of a batch, large, in a dialog with buttons for the previous and the next one.

import { byId, setOff, setText } from "./dom.js";
import { offerHeat } from "./heat-map.js";
import { showPhoto } from "./preview.js";
import { showItem } from "./result-panel.js";

const dialog = byId("detail");
let item = null;
let neighbours = () => [];
let painted = "";

/** Open an item; `shown()` is the list that previous and next step through. */
export function openDetail(chosen, shown) {
  neighbours = shown;
  go(chosen);
  dialog.showModal();
}

/** Paint again if the item has changed. */
export function refreshDetail() {
  if (!dialog.open || painted === item.status) return;
  painted = item.status;
  showAnswer();
}

function showAnswer() {
  showItem(byId("detail-answer"), item);
  offer(item.predictions ? item.file : null);
}

const offer = (file) => offerHeat(byId("detail-heat"), byId("detail-photo"), byId("detail-answer"), file);

function go(to) {
  item = to;
  painted = item.status;
  setText(byId("detail-title"), item.name);
  offer(null);
  showPhoto(byId("detail-photo"), item.file ?? null, "The photo is no longer on this page. Its result is kept.");
  showAnswer();
  setOff(byId("detail-previous"), !neighbour(-1));
  setOff(byId("detail-next"), !neighbour(1));
}

function neighbour(by) {
  const list = neighbours();
  return list[list.indexOf(item) + by];
}

function step(by) {
  const to = neighbour(by);
  if (to) go(to);
}

byId("detail-close").addEventListener("click", () => dialog.close());
byId("detail-previous").addEventListener("click", () => step(-1));
byId("detail-next").addEventListener("click", () => step(1));
dialog.addEventListener("close", () => { offer(null); showPhoto(byId("detail-photo"), null); });
dialog.addEventListener("keydown", (event) => {
  if (event.key === "ArrowLeft") step(-1);
  if (event.key === "ArrowRight") step(1);
});
