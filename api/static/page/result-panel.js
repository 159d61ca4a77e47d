// The result for one photo: bars and percentages, or what went wrong and what to do.

import { make } from "./dom.js";
import { duration, percent, stateWord } from "./format.js";

const GHOSTS = 3;
// Below this share a class gets no bar: it would be empty.
const BAR_FROM = 0.01;

/** The panel before any photo. */
export function showNothing(panel) {
  panel.dataset.state = "empty";
  panel.replaceChildren(ghosts(), make("p", { className: "hint" }, "The three most likely classes appear here, each with the model’s confidence."));
}

/** The panel while the result is awaited; text says what it waits for. */
export function showWaiting(panel, text) {
  const [, hint] = panel.children;
  if (panel.dataset.state === "waiting") return void (hint.textContent = text); // its animation goes on
  panel.dataset.state = "waiting";
  panel.replaceChildren(ghosts(), make("p", { className: "hint" }, text));
}

/** The panel with an item as the API returns it: concept, predictions, timing_ms, model. */
export function showPredictions(panel, { concept, predictions, timing_ms: timing, model }) {
  const shown = predictions.filter(({ confidence }, at) => !at || confidence >= BAR_FROM);
  const rest = predictions.slice(shown.length);
  panel.dataset.state = "done";
  panel.replaceChildren(
    ...conceptOf(concept),
    make("ol", { className: "bars", "aria-label": "Most likely classes" }, ...shown.map(bar)),
    ...(rest.length ? [make("p", { className: "rest" }, `Below 1%: ${rest.map(({ label }) => label).join(", ")}`)] : []),
    ...timingOf(timing), ...modelOf(model));
}

/** The panel with a problem; actions are elements such as buttons. */
export function showProblem(panel, { title, detail }, ...actions) {
  panel.dataset.state = "problem";
  panel.replaceChildren(make("div", { className: "problem" }, make("h2", {}, title), make("p", {}, detail), ...actions));
}

/** The panel for a photo of a batch, in any state. */
export function showItem(panel, item) {
  if (item.predictions) showPredictions(panel, item);
  else if (item.error) showProblem(panel, item.error);
  else if (item.status === "cancelled") showProblem(panel, { title: "Cancelled", detail: "The batch was cancelled before this photo was classified." });
  else showWaiting(panel, `This photo is ${stateWord(item.status)}.`);
}

function ghosts() {
  const rows = Array.from({ length: GHOSTS }, () => make("li", {}, make("span", { className: "track" })));
  return make("ol", { className: "bars ghosts", "aria-hidden": "true" }, ...rows);
}

function conceptOf(concept) {
  if (!concept) return [];
  return [make("p", { className: "concept" }, make("strong", {}, concept.label), make("span", { className: "share" }, percent(concept.confidence)))];
}

function bar({ label, confidence }) {
  const fill = make("span", { className: "fill" });
  fill.style.setProperty("--share", confidence);
  return make("li", {},
    make("span", { className: "label" }, label),
    make("span", { className: "share" }, percent(confidence)),
    make("span", { className: "track", "aria-hidden": "true" }, fill));
}

function timingOf(timing) {
  if (!timing) return [];
  const parts = [["queued", timing.queued], ["decode", timing.decode], ["model", timing.inference]];
  return [make("p", { className: "timing" },
    make("strong", {}, duration(timing.total)),
    ...parts.map(([name, ms]) => make("span", {}, `${name} ${duration(ms)}`)))];
}

function modelOf(model) {
  if (!model) return [];
  return [make("p", { className: "by" }, `${model.weights.startsWith(model.name) ? "" : `${model.name} `}${model.weights} on ${model.device}, ${model.precision}`)];
}
