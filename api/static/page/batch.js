// A batch: its photos, the jobs that they are sent in, and the state of each photo. Shows nothing;
// dispatches "change" (items that changed), "trouble" ({problem, retrying}) and "job".

import { ask } from "./api-client.js";
import { follow } from "./follow-job.js";
import { Problem } from "./problem.js";
import { Sending } from "./sending.js";

const LIVE = new Set(["waiting", "sending", "queued", "running"]);

export class Batch extends EventTarget {
  items = []; // {index, name, path, file?, job?, status, concept?, predictions?, model?, timing_ms?, error?}
  jobs = []; // paths, such as jobs/5f0c…
  leftOut = []; // {path, reason}: files that are not photos
  #leave = new AbortController(); // ends watching
  #troubles = new Map(); // what has a problem now → the problem
  #sending = new Sending({
    onChange: (items, change) => this.#set(items, change),
    onJob: (path, items) => { if (!this.#leave.signal.aborted) this.#watch(path, items); },
    onTrouble: (problem) => this.#trouble(this.#sending, problem),
  });

  get sentBytes() { return this.#sending.sentBytes; }
  get allBytes() { return this.#sending.allBytes; }

  /** Add photos, {file, path}; they are sent after those that are there already. */
  add(photos, leftOut = []) {
    const items = photos.map(({ file, path }, at) => ({ index: this.items.length + at, name: file.name || "photo", path: path || file.name || "photo", file }));
    this.items.push(...items);
    this.leftOut.push(...leftOut);
    this.#sending.add(items);
  }

  /** Show jobs that were sent before, by an earlier visit or by another program: photos in the order of the jobs. */
  open(paths) {
    let before;
    for (const path of paths) {
      const earlier = before;
      before = new Promise((placed) => { this.#watch(path, [], earlier, placed); });
    }
  }

  /** Photos that failed without being at fault, and can be sent again. */
  get unlucky() { return this.items.filter(({ status, file, error }) => status === "failed" && file && error.mayPass); }
  again() { this.#sending.add(this.unlucky); }

  get running() { return this.items.some((item) => LIVE.has(item.status)); }
  get unsent() { return this.items.some((item) => item.status === "waiting" || item.status === "sending"); }

  /** The number of items by state, and of those that are finished. */
  counts() {
    const counts = { all: this.items.length, succeeded: 0, failed: 0, cancelled: 0, waiting: 0 };
    for (const { status } of this.items) counts[LIVE.has(status) ? "waiting" : status] += 1;
    return { ...counts, finished: counts.all - counts.waiting };
  }

  /** Cancel what has not begun: queued photos in the API, unsent ones here. */
  async cancel() {
    const known = [...this.jobs];
    const sent = this.#sending.stop(this.items);
    await this.#drop(known);
    await sent; // an upload that was complete may have become a job
    await this.#drop(this.jobs.filter((path) => !known.includes(path)));
  }

  /** Stop watching for good. The jobs continue. */
  leave() {
    this.#sending.stop([]);
    this.#leave.abort();
  }

  #drop(paths) { return Promise.all(paths.map((path) => ask(path, { method: "DELETE" }))); }

  /** Takes what to wait for before the first photo has its place, and what to call once each has. */
  async #watch(path, items, before, placed = () => {}) {
    for (const item of items) item.job = path;
    this.jobs.push(path);
    this.dispatchEvent(new CustomEvent("job"));
    try {
      await before;
      await follow(path, {
        signal: this.#leave.signal,
        onJob: (job) => { this.#update(path, job, items); placed(); },
        onTrouble: (problem) => this.#trouble(path, problem),
      });
    } catch (error) {
      const problem = Problem.of(error);
      if (!problem) return;
      this.#set(items.filter((item) => item.job === path && LIVE.has(item.status)), { status: "failed", error: problem });
      if (!items.length) this.#dispatch("trouble", { problem, retrying: false });
    } finally {
      placed();
    }
  }

  #update(path, job, items) {
    while (items.length < job.counts.total) { // a job of an earlier visit: its files are not here
      items.push({ index: this.items.length, name: "", job: path, status: "queued" });
      this.items.push(items.at(-1));
    }
    const changed = [];
    for (const { index, filename, status, concept, predictions, model, timing_ms, error } of job.items) {
      const item = items[index];
      // an item that failed may be in another job by now
      if (item.job !== path || (item.status === status && item.name)) continue;
      const name = item.name || filename || "photo";
      Object.assign(item, { name, path: item.path || name, status, concept, predictions, model, timing_ms, error: error && Problem.ofItem(error) });
      changed.push(item);
    }
    this.#dispatch("change", changed);
  }

  #set(items, change) {
    for (const item of items) Object.assign(item, change);
    this.#dispatch("change", items);
  }

  /** Several parts may be in trouble at a time: the last one is shown until none is left. */
  #trouble(part, problem) {
    this.#troubles.delete(part);
    if (problem) this.#troubles.set(part, problem);
    this.#dispatch("trouble", { problem: [...this.#troubles.values()].at(-1) ?? null, retrying: true });
  }

  #dispatch(type, detail) { this.dispatchEvent(new CustomEvent(type, { detail })); }
}
