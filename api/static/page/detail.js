// One photo of a batch, large, in a dialog with the way to its neighbours.

import { showItem } from "./answer.js";
import { byId, setOff, setText } from "./dom.js";
import { offerHeat } from "./heat.js";
import { showPhoto } from "./photo.js";

const dialog = byId("detail");
let item = null;
let neighbours = () => [];
let painted = "";

/** Open an item; `shown()` is the list that previous and next walk through. */
export function openDetail(chosen, shown) {
  neighbours = shown;
  go(chosen);
  dialog.showModal();
}

/** The item may have ended meanwhile. */
export function refreshDetail() {
  if (!dialog.open || painted === item.status) return;
  painted = item.status;
  showAnswer();
}

function showAnswer() {
  showItem(byId("detail-answer"), item);
  offerHeat(byId("detail-heat"), byId("detail-photo"), item.predictions ? item.file : null);
}

function go(to) {
  item = to;
  painted = item.status;
  setText(byId("detail-title"), item.name);
  showPhoto(byId("detail-photo"), item.file ?? null, "The photo is not on this page any more; its result is.");
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
dialog.addEventListener("close", () => showPhoto(byId("detail-photo"), null));
dialog.addEventListener("keydown", (event) => {
  if (event.target.matches("input, select")) return; // there the arrows have a meaning of their own
  if (event.key === "ArrowLeft") step(-1);
  if (event.key === "ArrowRight") step(1);
});
