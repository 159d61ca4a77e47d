// Why this class: the model's activation map over the part of the photo that the model saw.

import { isOff, make, say, setOff, setText } from "./dom.js";
import { explains, onExplains, transform } from "./model-info.js";
import { predictor } from "./predict.js";
import { Problem } from "./problem.js";

const SIDE = 224;
const FAINT = 0.4; // below this share of its maximum the map is transparent
const EXPLANATION = "The model looks only at the middle square. Choose a bar to see where it finds that class.";

const requests = new WeakMap(); // frame → its request
const offers = new Map(); // bar → how to offer a map, in case heat maps become available

onExplains(() => { for (const [bar, offer] of offers) if (bar.hidden) offer(); });

/** Offer the map of a photo that `frame` shows and `panel` describes; null takes the offer back. */
export function offerHeat(bar, frame, panel, file, onShown = () => {}) {
  requests.get(frame)?.abort();
  remove(frame, panel);
  offers.delete(bar);
  bar.hidden = true;
  bar.replaceChildren();
  if (!file) return;
  const offer = () => makeOffer(bar, () => explain(bar, frame, panel, file, onShown));
  offers.set(bar, offer);
  if (explains()) offer();
}

function makeOffer(bar, act) {
  bar.hidden = false;
  const button = make("button", { type: "button", className: "button" }, "Show why");
  button.addEventListener("click", () => { if (!isOff(button)) act(); });
  bar.replaceChildren(button, make("span", { className: "heat-hint" }, "Where in the photo the model finds each class"));
}

async function explain(bar, frame, panel, file, onShown) {
  const request = new AbortController();
  const { signal } = request;
  requests.set(frame, request);
  setOff(bar.firstChild, true);
  setText(bar.lastChild, "Asking the model…");
  try {
    const { predictions } = await predictor(file, { query: "?explain=true", signal })();
    const share = await cropShare();
    if (signal.aborted) return;
    show(bar, frame, panel, predictions, share);
    onShown();
  } catch (error) {
    const problem = Problem.of(error);
    if (!problem || signal.aborted) return;
    setOff(bar.firstChild, false);
    bar.lastChild.setAttribute("role", "note");
    setText(bar.lastChild, `${problem.title}. ${problem.detail}`);
    say(bar.lastChild.textContent);
  }
}

function show(bar, frame, panel, predictions, share) {
  const canvas = make("canvas", { className: "heat-map", width: SIDE, height: SIDE, role: "img" });
  const rows = [...panel.querySelectorAll(".bars > li")];
  const choices = rows.map((row, at) => {
    const choice = make("button", { type: "button", className: "choose-class" });
    choice.setAttribute("aria-label", `Show where the model sees ${predictions[at].label}`);
    choice.addEventListener("click", () => choose(at));
    row.append(choice);
    return choice;
  });
  function choose(at) {
    paint(canvas, predictions[at].heatmap);
    canvas.setAttribute("aria-label", `Where the model sees ${predictions[at].label}`);
    choices.forEach((choice, each) => choice.setAttribute("aria-pressed", each === at));
    toggle(true);
    say(`Heat map of ${predictions[at].label}`);
  }
  const button = make("button", { type: "button", className: "button" });
  function toggle(on) {
    canvas.hidden = !on;
    setText(button, on ? "Hide heat map" : "Show heat map");
  }
  button.addEventListener("click", () => toggle(canvas.hidden));
  place(canvas, frame, share);
  frame.append(canvas);
  bar.replaceChildren(button);
  panel.querySelector(".bars").after(make("p", { className: "heat-explanation" }, EXPLANATION));
  choose(0);
  button.focus();
}

function remove(frame, panel) {
  frame.querySelector(".heat-map")?.remove();
  for (const added of panel.querySelectorAll(".choose-class, .heat-explanation")) added.remove();
}

/** The part of the photo's shorter side that the centre crop keeps. */
async function cropShare() {
  const [, resize, crop] = /resize (\d+), centre crop (\d+)/.exec(await transform()) ?? [0, 1, 1];
  return crop / resize;
}

/** Over the crop, in shares of the frame, whose shape stays when its size changes. */
function place(canvas, frame, share) {
  const { naturalWidth: width, naturalHeight: height } = frame.querySelector("img");
  const box = frame.getBoundingClientRect();
  const side = share * Math.min(width, height) * Math.min(box.width / width, box.height / height);
  canvas.style.width = `${(side / box.width) * 100}%`;
  canvas.style.height = `${(side / box.height) * 100}%`;
}

/** Transparent where little speaks for the class, bright where most does. */
function paint(canvas, rows) {
  const values = rows.flat();
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const small = make("canvas", { width: rows[0].length, height: rows.length });
  const image = new ImageData(small.width, small.height);
  values.forEach((value, at) => {
    const heat = (value - least) / (most - least || 1);
    const alpha = Math.max(0, (heat - FAINT) / (1 - FAINT)) ** 1.3;
    image.data.set([255, 60 + 170 * heat ** 2, 30, 215 * alpha], at * 4);
  });
  small.getContext("2d").putImageData(image, 0, 0);
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.clearRect(0, 0, SIDE, SIDE);
  context.drawImage(small, 0, 0, SIDE, SIDE);
}
