// Why this class: the model's activation map laid over the part of the photo that it saw.

import { isOff, make, say, setOff } from "./dom.js";
import { explains, onExplains, transform } from "./model.js";
import { Problem } from "./problems.js";
import { ask, record } from "./service.js";

const SIDE = 224;
const STRENGTH = 0.75;
const asked = new WeakMap(); // frame → the request that is on its way for it

const offers = new Map(); // bar → how to make its offer, should it turn out that the model can

onExplains(() => { for (const [bar, offer] of offers) if (bar.hidden) offer(); });

/** Offer the map of a photo that a frame shows; null takes the offer away. */
export function offerHeat(bar, frame, file, onShown = () => {}) {
  asked.get(frame)?.abort();
  frame.querySelector(".heat-map")?.remove();
  offers.delete(bar);
  bar.hidden = true;
  bar.replaceChildren();
  if (!file) return;
  const offer = () => makeOffer(bar, () => explain(bar, frame, file, onShown));
  offers.set(bar, offer);
  if (explains()) offer();
}

function makeOffer(bar, act) {
  bar.hidden = false;
  const button = make("button", { type: "button", className: "button" }, "Show why");
  button.addEventListener("click", () => { if (!isOff(button)) act(); });
  bar.replaceChildren(button, make("span", { className: "heat-hint" }, "where in the photo the model sees each class"));
}

async function explain(bar, frame, file, onShown) {
  const request = new AbortController();
  asked.set(frame, request);
  setOff(bar.firstChild, true);
  try {
    const body = new FormData();
    body.append("file", file, file.name);
    const { signal } = request;
    const response = await ask("/predict?explain=true", { method: "POST", body, signal, headers: { prefer: "wait=60" } });
    const [{ predictions }, share] = [await record(response), await cropShare()];
    signal.throwIfAborted();
    if (!predictions) throw new Problem({ title: "Still busy", detail: "The service has much to do. Ask again in a moment." });
    show(bar, frame, predictions, share);
    onShown();
  } catch (error) {
    const problem = Problem.of(error);
    if (!problem) return;
    setOff(bar.firstChild, false);
    bar.lastChild.textContent = `${problem.title}. ${problem.detail}`;
    say(bar.lastChild.textContent);
  }
}

function show(bar, frame, predictions, share) {
  const canvas = make("canvas", { className: "heat-map", width: SIDE, height: SIDE, role: "img" });
  const choice = make("select", { "aria-label": "Class of the heat map" }, ...predictions.map(({ label }, at) => new Option(label, at)));
  const strength = make("input", { type: "range", min: 0, max: 1, step: 0.01, value: STRENGTH, "aria-label": "Strength of the heat map" });
  const draw = () => {
    const { label, heatmap } = predictions[choice.value];
    paint(canvas, heatmap);
    canvas.setAttribute("aria-label", `Where the model sees ${label}`);
  };
  const fade = () => { canvas.style.opacity = strength.value; };
  choice.addEventListener("change", draw);
  strength.addEventListener("input", fade);
  draw();
  fade();
  place(canvas, frame, share);
  frame.append(canvas);
  bar.replaceChildren(choice, make("label", {}, "Strength", strength));
  choice.focus();
  say(`Heat map of ${predictions[0].label}`);
}

/** Of the photo's shorter side, the part that the centre crop keeps. */
async function cropShare() {
  const [, resize, crop] = /resize (\d+), centre crop (\d+)/.exec(await transform()) ?? [0, 1, 1];
  return crop / resize;
}

/** Over the crop, in parts of the frame, whose shape stays when its size changes. */
function place(canvas, frame, share) {
  const { naturalWidth: width, naturalHeight: height } = frame.querySelector("img");
  const box = frame.getBoundingClientRect();
  const side = share * Math.min(width, height) * Math.min(box.width / width, box.height / height);
  canvas.style.width = `${(side / box.width) * 100}%`;
  canvas.style.height = `${(side / box.height) * 100}%`;
}

/** From nothing, where least speaks for the class, to bright where most does. */
function paint(canvas, rows) {
  const [least, most] = [Math.min(...rows.flat()), Math.max(...rows.flat())];
  const small = make("canvas", { width: rows[0].length, height: rows.length });
  const image = new ImageData(small.width, small.height);
  rows.flat().forEach((value, at) => {
    const heat = (value - least) / (most - least || 1);
    image.data.set([255, 50 + 170 * heat ** 2, 30, 255 * heat ** 1.5], at * 4);
  });
  small.getContext("2d").putImageData(image, 0, 0);
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.clearRect(0, 0, SIDE, SIDE);
  context.drawImage(small, 0, 0, SIDE, SIDE);
}
