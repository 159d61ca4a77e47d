// Which of a batch's photos are wanted: by how they stand, by label or file name.

import { byId, setText } from "./dom.js";
import { count } from "./words.js";

const LABELS_MOST = 200;

/** What the form asks for, as a test of an item. */
export function wanted() {
  const { show, label } = Object.fromEntries(new FormData(byId("filter")));
  const text = label.trim().toLowerCase();
  return (item) => isIn(show, item) && (!text || matches(item, text));
}

/** How many there are of each. */
export function showCounts(counts) {
  for (const place of byId("filter").querySelectorAll("[data-count]")) {
    const { count: name } = place.dataset;
    setText(place, count(name === "failed" ? counts.failed + counts.cancelled : counts[name]));
  }
}

/** The labels that can be chosen. */
export function showLabels(items) {
  const found = new Set();
  for (const { predictions } of items) if (predictions) found.add(predictions[0].label);
  const list = byId("labels");
  if (list.childElementCount === Math.min(found.size, LABELS_MOST)) return;
  list.replaceChildren(...[...found].sort().slice(0, LABELS_MOST).map((label) => new Option(label)));
}

function isIn(show, { status }) {
  if (show === "all") return true;
  if (show === "failed") return status === "failed" || status === "cancelled";
  if (show === "succeeded") return status === "succeeded";
  return status !== "succeeded" && status !== "failed" && status !== "cancelled";
}

function matches(item, text) {
  const label = item.predictions?.[0].label ?? "";
  return label.toLowerCase().includes(text) || item.name.toLowerCase().includes(text);
}
