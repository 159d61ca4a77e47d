// Which photos of a batch are shown: by state, and by words of the label or the file name.

import { byId, setText } from "./dom.js";
import { count } from "./format.js";

const LABELS_MOST = 200;
const [WORD, BEGINNING, ANYWHERE] = [3, 2, 1];

/** The items that the form asks for, in order. */
export function filtered(items) {
  const { show, label } = Object.fromEntries(new FormData(byId("filter")));
  const inState = items.filter((item) => isIn(show, item));
  const query = label.trim().toLowerCase();
  return query ? bestMatches(inState, query) : inState;
}

/**
 * Whole words first: "cat" finds "Egyptian cat", and not "catamaran" or "oystercatcher" unless
 * there is no cat.
 */
function bestMatches(items, query) {
  const grades = items.map((item) => gradeOf(textOf(item), query));
  const best = Math.max(1, ...grades);
  return items.filter((_, at) => grades[at] === best);
}

function gradeOf(text, query) {
  let grade = 0;
  for (let at = text.indexOf(query); at >= 0; at = text.indexOf(query, at + 1)) {
    const begins = !isLetter(text[at - 1]);
    const ends = !isLetter(text[at + query.length]);
    grade = Math.max(grade, begins && ends ? WORD : begins ? BEGINNING : ANYWHERE);
  }
  return grade;
}

const isLetter = (character) => /[\p{L}\p{N}]/u.test(character ?? "");
const labelsOf = ({ concept, predictions }) => [concept, predictions?.[0]].filter(Boolean).map(({ label }) => label);
const textOf = (item) => [...labelsOf(item), item.path].join("\n").toLowerCase();

function isIn(show, { status }) {
  if (show === "all") return true;
  if (show === "failed") return status === "failed" || status === "cancelled";
  if (show === "succeeded") return status === "succeeded";
  return status !== "succeeded" && status !== "failed" && status !== "cancelled";
}

/** Show the number of items by state. */
export function showCounts(counts) {
  for (const place of byId("filter").querySelectorAll("[data-count]")) {
    const { count: name } = place.dataset;
    setText(place, count(name === "failed" ? counts.failed + counts.cancelled : counts[name]));
  }
}

/** Offer the labels that were found. */
export function showLabels(items) {
  const labels = new Set();
  for (const item of items) for (const label of labelsOf(item)) labels.add(label);
  const list = byId("labels");
  if (list.childElementCount === Math.min(labels.size, LABELS_MOST)) return;
  list.replaceChildren(...[...labels].sort().slice(0, LABELS_MOST).map((label) => new Option(label)));
}
