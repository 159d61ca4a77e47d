// The view of a batch: progress, filter, and what can be done with it.

import { byId, perFrame, say, setText } from "./dom.js";
import { Grid } from "./grid.js";
import { download } from "./download.js";
import { openDetail, refreshDetail } from "./detail.js";
import { Rate } from "./rate.js";
import { Problem } from "./service.js";
import { bytes, count, photos, timeLeft } from "./words.js";

const SAY_EVERY_MS = 5000;
const LABELS_MOST = 200;

export class Board {
  #batch = null;
  #rate = new Rate();
  #saidAt = 0;
  #draw = perFrame(() => this.#render());
  #grid = new Grid((item) => openDetail(item, () => this.#grid.shown));

  constructor() {
    const filter = byId("filter");
    filter.addEventListener("input", () => this.#filter());
    filter.addEventListener("submit", (event) => event.preventDefault());
    this.#button("cancel", () => this.#batch.cancel(), "The batch was not cancelled");
    for (const format of ["csv", "json"]) {
      this.#button(`save-${format}`, () => download(this.#batch.jobs, format), "The results were not saved");
    }
  }

  show(batch) {
    this.#batch = batch;
    this.#rate = new Rate();
    this.#saidAt = 0;
    byId("filter").reset();
    setText(byId("trouble"), "");
    this.#filter();
    this.#grid.show(batch.items);
    batch.addEventListener("change", () => { if (batch === this.#batch) this.#draw(); });
    for (const id of ["save-csv", "save-json"]) byId(id).disabled = true;
    batch.addEventListener("job", () => {
      for (const id of ["save-csv", "save-json"]) byId(id).disabled = false;
    });
    batch.addEventListener("trouble", ({ detail }) => { if (batch === this.#batch) this.#trouble(detail); });
    this.#draw();
  }

  #filter() {
    const { show, label } = Object.fromEntries(new FormData(byId("filter")));
    const wanted = label.trim().toLowerCase();
    this.#grid.filter((item) => isIn(show, item) && (!wanted || matches(item, wanted)));
  }

  #render() {
    const batch = this.#batch;
    const counts = batch.counts();
    this.#rate.add(counts.ended);
    setText(byId("batch-title"), photos(counts.all));
    setText(byId("batch-line"), this.#line(counts));
    for (const output of byId("filter").querySelectorAll("[data-count]")) {
      const { count: name } = output.dataset;
      setText(output, count(name === "failed" ? counts.failed + counts.cancelled : counts[name]));
    }
    this.#progress(counts);
    this.#labels();
    byId("cancel").hidden = !batch.running;
    byId("start-over").hidden = batch.running;
    this.#grid.update();
    refreshDetail();
    this.#announce(counts);
  }

  #line(counts) {
    const { running, sentBytes, allBytes, unsent } = this.#batch;
    if (!running) {
      const kinds = [["classified", counts.succeeded], ["failed", counts.failed], ["cancelled", counts.cancelled]];
      return kinds.filter(([, number], at) => number || !at).map(([word, number]) => `${count(number)} ${word}`).join(" · ");
    }
    if (!counts.ended && unsent) return `Sending ${bytes(sentBytes)} of ${bytes(allBytes)}`;
    const parts = [`${count(counts.ended)} of ${count(counts.all)}`];
    const { perS } = this.#rate;
    if (perS) parts.push(`${perS >= 10 ? Math.round(perS) : perS.toFixed(1)} photos/s`, timeLeft(counts.waiting / perS));
    return parts.join(" · ");
  }

  #progress(counts) {
    const { sentBytes, allBytes } = this.#batch;
    const bar = byId("progress");
    const done = counts.all ? counts.ended / counts.all : 0;
    bar.style.setProperty("--sent", Math.max(done, allBytes ? sentBytes / allBytes : 1));
    bar.style.setProperty("--done", done);
    bar.setAttribute("aria-valuenow", Math.floor(done * 100));
    bar.setAttribute("aria-valuetext", `${count(counts.ended)} of ${photos(counts.all)}`);
  }

  #labels() {
    const found = new Set();
    for (const { predictions } of this.#batch.items) if (predictions) found.add(predictions[0].label);
    const list = byId("labels");
    if (list.childElementCount === Math.min(found.size, LABELS_MOST)) return;
    list.replaceChildren(...[...found].sort().slice(0, LABELS_MOST).map((label) => new Option(label)));
  }

  #announce(counts) {
    const now = performance.now();
    const last = !this.#batch.running;
    if (!last && now - this.#saidAt < SAY_EVERY_MS) return;
    this.#saidAt = now;
    say(last ? `Done: ${this.#line(counts)}` : `${count(counts.ended)} of ${photos(counts.all)} classified`);
  }

  #trouble(problem) {
    setText(byId("trouble"), problem ? `${problem.title}. ${problem.detail} Nothing is lost: the page goes on by itself.` : "");
  }

  #button(id, act, failure) {
    const button = byId(id);
    button.addEventListener("click", async () => {
      button.disabled = true;
      try {
        await act();
      } catch (error) {
        const problem = Problem.of(error);
        setText(byId("trouble"), `${failure}. ${problem.title}: ${problem.detail}`);
      }
      button.disabled = false;
    });
  }
}

function isIn(show, { status }) {
  if (show === "all") return true;
  if (show === "failed") return status === "failed" || status === "cancelled";
  if (show === "succeeded") return status === "succeeded";
  return status !== "succeeded" && status !== "failed" && status !== "cancelled";
}

function matches(item, wanted) {
  const label = item.predictions?.[0].label ?? "";
  return label.toLowerCase().includes(wanted) || item.name.toLowerCase().includes(wanted);
}
