// One photo: preview and result; the request is repeated when the service was not ready for it.

import { pause, throwIfAborted } from "./abort.js";
import { ofPhoto, showCommand } from "./curl-command.js";
import { byId, make, say } from "./dom.js";
import { percent } from "./format.js";
import { offerHeat } from "./heat-map.js";
import { predictor } from "./predict.js";
import { showPhoto } from "./preview.js";
import { Problem } from "./problem.js";
import { showNothing, showPredictions, showProblem, showWaiting } from "./result-panel.js";
import { onStatus, waitingFor } from "./service-status.js";

let current = new AbortController();

export function forgetSingle() {
  current.abort();
  offerHeat(byId("heat"), byId("photo"), byId("answer"), null);
  showNothing(byId("answer"));
}

/** Classify a photo in place of the one before, whose request is given up. */
export async function classify(photo) {
  current.abort();
  current = new AbortController();
  const { signal } = current;
  const panel = byId("answer");
  showPhoto(byId("photo"), photo);
  offerHeat(byId("heat"), byId("photo"), panel, null);
  const predict = predictor(photo, { signal, onWait: (text) => showWaiting(panel, text) });
  while (!signal.aborted) {
    showWaiting(panel, waitingFor());
    say("Classifying the photo");
    try {
      const item = await predict();
      throwIfAborted(signal);
      offerHeat(byId("heat"), byId("photo"), panel, photo, () => showCommand(() => ofPhoto(photo, "?explain=true")));
      return shown(panel, item);
    } catch (error) {
      if (!signal.aborted) await failed(panel, Problem.of(error), signal).catch(() => {});
    }
  }
}

// while the service is not ready, the waiting card says what it waits for
onStatus(() => {
  const panel = byId("answer");
  if (panel.dataset.state === "waiting") showWaiting(panel, waitingFor());
});

function shown(panel, item) {
  showPredictions(panel, item);
  const named = [...(item.concept ? [item.concept] : []), ...item.predictions];
  say(named.map(({ label, confidence }) => `${label}, ${percent(confidence)}`).join("; "));
}

/** Show the problem. Returns when the request is due again, by its Retry-After or by the button. */
async function failed(panel, problem, signal) {
  const again = problem.mayPass ? make("button", { type: "button", className: "button" }, "Try again")
    : make("button", { type: "button", className: "button", onclick: () => byId("pick").click() }, "Choose another photo");
  const line = make("p", { className: "countdown", "aria-live": "off" });
  showProblem(panel, problem, line, again);
  say(`${problem.title}. ${problem.detail}`);
  const pressed = new Promise((resolve) => { if (problem.mayPass) again.addEventListener("click", resolve, { once: true }); });
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
