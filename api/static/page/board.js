// The view of a batch: progress, filter, and what can be done with it.

import { byId, isOff, perFrame, say, setOff, setText } from "./dom.js";
import { Grid } from "./grid.js";
import { download } from "./download.js";
import { openDetail, refreshDetail } from "./detail.js";
import { showCounts, showLabels, wanted } from "./filter.js";
import { Rate } from "./rate.js";
import { Problem } from "./problems.js";
import { bytes, count, photos, timeLeft } from "./words.js";

const SAY_EVERY_MS = 5000;

export class Board {
  #batch = null;
  #rate = new Rate();
  #saidAt = 0;
  #draw = perFrame(() => this.#render());
  #grid = new Grid((item) => openDetail(item, () => this.#grid.shown));

  constructor() {
    const filter = byId("filter");
    filter.addEventListener("input", () => {
      this.#filter();
      say(`${count(this.#grid.shown.length)} of ${photos(this.#batch.items.length)} shown`);
    });
    filter.addEventListener("submit", (event) => event.preventDefault());
    this.#button("cancel", () => this.#batch.cancel(), "The batch was not cancelled");
    this.#button("again", () => this.#batch.again(), "The photos were not sent");
    for (const format of ["csv", "json"]) {
      this.#button(`save-${format}`, () => download(this.#batch, format), "The results were not saved");
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
    batch.addEventListener("trouble", ({ detail }) => { if (batch === this.#batch) this.#trouble(detail); });
    this.#draw();
  }

  #filter() { this.#grid.filter(wanted()); }

  #render() {
    const batch = this.#batch;
    const counts = batch.counts();
    this.#rate.add(counts.ended);
    setText(byId("batch-title"), counts.all ? photos(counts.all) : "Batch");
    setText(byId("batch-line"), this.#line(counts));
    showCounts(counts);
    this.#progress(counts);
    showLabels(batch.items);
    for (const id of ["save-csv", "save-json"]) byId(id).disabled = !counts.all;
    this.#choices(batch);
    this.#grid.update();
    refreshDetail();
    this.#announce(counts);
  }

  /** What can be done now; who stood on a button that goes stands on the next one. */
  #choices({ running, unlucky }) {
    const stood = document.activeElement;
    byId("cancel").hidden = !running;
    byId("start-over").hidden = running;
    byId("again").hidden = !unlucky.length;
    if (stood?.hidden) byId(running ? "cancel" : "start-over").focus();
  }

  #line(counts) {
    const { running, sentBytes, allBytes, unsent } = this.#batch;
    if (!counts.all) return "";
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

  #announce(counts) {
    const now = performance.now();
    const last = !this.#batch.running;
    if (!counts.all) return;
    if (!last && now - this.#saidAt < SAY_EVERY_MS) return;
    this.#saidAt = now;
    say(last ? `Done: ${this.#line(counts)}` : `${count(counts.ended)} of ${photos(counts.all)} classified`);
  }

  #trouble({ problem, goesOn }) {
    // one line: what stands below moves with a second
    const rest = goesOn ? "Nothing is lost: the page goes on by itself." : problem?.detail;
    setText(byId("trouble"), problem ? `${problem.title}. ${rest}` : "");
  }

  #button(id, act, failure) {
    const button = byId(id);
    button.addEventListener("click", async () => {
      if (isOff(button)) return;
      setOff(button, true);
      try {
        await act();
      } catch (error) {
        const problem = Problem.of(error);
        setText(byId("trouble"), `${failure}. ${problem.title}: ${problem.detail}`);
      }
      setOff(button, false);
    });
  }
}
