// The view of a batch: progress, filter, tiles and buttons.

import { byId, isOff, perFrame, say, setOff, setText } from "./dom.js";
import { download } from "./export-results.js";
import { filtered, showCounts, showLabels } from "./filter.js";
import { bytes, count, outcome, photos, timeLeft } from "./format.js";
import { openDetail, refreshDetail } from "./photo-dialog.js";
import { Problem } from "./problem.js";
import { Throughput } from "./throughput.js";
import { Grid } from "./tile-grid.js";

const ANNOUNCE_EVERY_MS = 5000;

export class BatchView {
  #batch = null;
  #throughput = new Throughput();
  #announcedAt = 0;
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
    this.#throughput = new Throughput();
    this.#announcedAt = 0;
    byId("filter").reset();
    setText(byId("trouble"), "");
    this.#filter();
    this.#grid.show(batch.items);
    batch.addEventListener("change", () => { if (batch === this.#batch) this.#draw(); });
    batch.addEventListener("trouble", ({ detail }) => { if (batch === this.#batch) this.#trouble(detail); });
    this.#draw();
  }

  #filter() { this.#grid.filter(filtered); }

  #render() {
    const batch = this.#batch;
    const counts = batch.counts();
    this.#throughput.add(counts.finished);
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

  /** The buttons that make sense now. When the focused one goes, the focus moves to the next one. */
  #choices({ running, unlucky }) {
    const focused = document.activeElement;
    byId("cancel").hidden = !running;
    byId("start-over").hidden = running;
    byId("again").hidden = !unlucky.length;
    if (focused?.hidden) byId(running ? "cancel" : "start-over").focus();
  }

  #line(counts) {
    const { running, sentBytes, allBytes, unsent } = this.#batch;
    if (!counts.all) return "";
    if (!running) return outcome(counts);
    if (!counts.finished && unsent) return `Sending ${bytes(sentBytes)} of ${bytes(allBytes)}`;
    const parts = [`${count(counts.finished)} of ${count(counts.all)}`];
    const { perS } = this.#throughput;
    if (perS) parts.push(`${perS >= 10 ? Math.round(perS) : perS.toFixed(1)} photos/s`, timeLeft(counts.waiting / perS));
    return parts.join(" · ");
  }

  #progress(counts) {
    const { sentBytes, allBytes } = this.#batch;
    const bar = byId("progress");
    const done = counts.all ? counts.finished / counts.all : 0;
    bar.style.setProperty("--sent", Math.max(done, allBytes ? sentBytes / allBytes : 1));
    bar.style.setProperty("--done", done);
    bar.setAttribute("aria-valuenow", Math.floor(done * 100));
    bar.setAttribute("aria-valuetext", `${count(counts.finished)} of ${photos(counts.all)}`);
  }

  #announce(counts) {
    const now = performance.now();
    const last = !this.#batch.running;
    if (!counts.all) return;
    if (!last && now - this.#announcedAt < ANNOUNCE_EVERY_MS) return;
    this.#announcedAt = now;
    say(last ? `Done: ${this.#line(counts)}` : `${count(counts.finished)} of ${photos(counts.all)} classified`);
  }

  #trouble({ problem, retrying }) {
    // one line: a second one would move what is below
    const rest = retrying ? "Nothing is lost: the page keeps trying." : problem?.detail;
    setText(byId("trouble"), problem ? `${problem.title}. ${rest}` : "");
  }

  #button(id, act, failure) {
    const button = byId(id);
    const line = byId("trouble");
    let shown = "";
    button.addEventListener("click", async () => {
      if (isOff(button)) return;
      setOff(button, true);
      try {
        await act();
        if (shown && line.textContent === shown) setText(line, "");
      } catch (error) {
        const problem = Problem.of(error);
        shown = `${failure}. ${problem.title}: ${problem.detail}`;
        setText(line, shown);
      }
      setOff(button, false);
    });
  }
}
