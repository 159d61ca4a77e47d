// One photo: preview, answer, and the request again when the service was not ready for it.

import { showNothing, showPredictions, showProblem, showWaiting } from "./answer.js";
import { ofPhoto, showCommand } from "./curl.js";
import { byId, make, pause, say } from "./dom.js";
import { follow } from "./follow.js";
import { offerHeat } from "./heat.js";
import { showPhoto } from "./photo.js";
import { Problem } from "./problems.js";
import { ask, record } from "./service.js";
import { percent } from "./words.js";

let current = new AbortController();

export function forgetSingle() {
  current.abort();
  offerHeat(byId("heat"), byId("photo"), null);
  showNothing(byId("answer"));
}

/** Classify a photo in place of the one before, whose request is given up. */
export async function classify(photo) {
  current.abort();
  current = new AbortController();
  const { signal } = current;
  showPhoto(byId("photo"), photo);
  offerHeat(byId("heat"), byId("photo"), null);
  const panel = byId("answer");
  while (!signal.aborted) {
    showWaiting(panel);
    say("Looking at the photo");
    try {
      const item = await answer(photo, signal);
      signal.throwIfAborted();
      offerHeat(byId("heat"), byId("photo"), photo, () => showCommand(ofPhoto(photo.name, "?explain=true")));
      return shown(panel, item);
    } catch (error) {
      if (!signal.aborted) await failed(panel, Problem.of(error), signal).catch(() => {});
    }
  }
}

async function answer(photo, signal) {
  const body = new FormData();
  body.append("file", photo, photo.name);
  const response = await ask("/predict", { method: "POST", body, signal });
  if (response.status === 200) return record(response);
  let last;
  await follow(response.headers.get("location"), {
    signal,
    onJob: (job) => { [last] = job.items; },
    onTrouble: (problem) => problem && showWaiting(byId("answer"), `${problem.title}. Asking again…`),
  });
  if (last.error) throw Problem.ofItem(last.error);
  if (!last.predictions) throw new Problem({ title: "Cancelled", detail: "Somebody cancelled it. Send the photo again." });
  return last;
}

function shown(panel, item) {
  showPredictions(panel, item);
  say(item.predictions.map(({ label, confidence }) => `${label}, ${percent(confidence)}`).join("; "));
}

/** Show the problem; returns when the request is due again, by its Retry-After or by the button. */
async function failed(panel, problem, signal) {
  const again = problem.mayPass ? make("button", { type: "button", className: "button" }, "Try again")
    : make("button", { type: "button", className: "button", onclick: () => byId("pick").click() }, "Choose another photo");
  const line = make("p", { className: "countdown", "aria-live": "off" });
  showProblem(panel, problem, line, again);
  say(`${problem.title}. ${problem.detail}`);
  const pressed = new Promise((resume) => { if (problem.mayPass) again.addEventListener("click", resume, { once: true }); });
  const due = problem.passes ? countDown(line, problem.retryAfterS || 2, signal) : new Promise(() => {});
  const givenUp = new Promise((_, stop) => signal.addEventListener("abort", () => stop(signal.reason), { once: true }));
  await Promise.race([pressed, due, givenUp]);
}

async function countDown(line, seconds, signal) {
  for (let left = Math.ceil(seconds); left > 0; left -= 1) {
    line.textContent = `Trying again in ${left} s.`;
    await pause(1000, signal);
  }
}
