// A batch: its photos, the jobs that they travel in, and where each of them stands. Shows nothing;
// dispatches "change" (the items that changed), "trouble" ({problem, goesOn}) and "job".

import { follow } from "./follow.js";
import { jobsOf } from "./plan.js";
import { Problem } from "./problems.js";
import { sendJob } from "./send.js";
import { ask } from "./service.js";

const LIVE = new Set(["waiting", "sending", "queued", "running"]);

export class Batch extends EventTarget {
  items = []; // {index, name, file?, job?, status, predictions?, model?, timing_ms?, error?}
  jobs = []; // paths, such as /jobs/5f0c…
  sentBytes = 0;
  allBytes = 0;
  #stop = new AbortController(); // of sending
  #leave = new AbortController(); // of watching
  #sending = Promise.resolve();

  /** Put more photos into the batch; they are sent after those before. */
  add(files) {
    const items = files.map((file, at) => ({ index: this.items.length + at, name: file.name || "photo", file }));
    this.items.push(...items);
    this.#enqueue(items);
  }

  /** Show jobs that were sent before, by an earlier visit or by another program. */
  open(paths) {
    for (const path of paths) this.#watch(path, []);
  }

  /** What failed through no fault of the photo, and can be sent once more. */
  get unlucky() { return this.items.filter(({ status, file, error }) => status === "failed" && file && error.mayPass); }
  again() { this.#enqueue(this.unlucky); }

  get running() { return this.items.some((item) => LIVE.has(item.status)); }
  get unsent() { return this.items.some((item) => item.status === "waiting" || item.status === "sending"); }

  /** Items by state, and how many have ended. */
  counts() {
    const counts = { all: this.items.length, succeeded: 0, failed: 0, cancelled: 0, waiting: 0 };
    for (const { status } of this.items) counts[LIVE.has(status) ? "waiting" : status] += 1;
    return { ...counts, ended: counts.all - counts.waiting };
  }

  /** Cancel what has not begun: the api drops what is queued, the page what is not sent. */
  async cancel() {
    const [known, sending] = [[...this.jobs], this.#sending];
    this.#stop.abort();
    this.#end(this.items.filter((item) => item.status === "waiting"), { status: "cancelled" });
    await this.#drop(known);
    await sending; // what had gone to its last byte may be a job by now
    await this.#drop(this.jobs.filter((path) => !known.includes(path)));
  }

  /** Stop watching, for good. The jobs go on. */
  leave() {
    this.#stop.abort();
    this.#leave.abort();
  }

  #drop(paths) { return Promise.all(paths.map((path) => ask(path, { method: "DELETE" }))); }

  #enqueue(items) {
    if (this.#stop.signal.aborted) this.#stop = new AbortController(); // there is more after a cancel
    this.allBytes += items.reduce((sum, item) => sum + item.file.size, 0);
    this.#end(items, { status: "waiting", job: undefined, error: undefined });
    const jobs = jobsOf(items);
    this.#sending = this.#sending.then(async () => {
      for (const job of jobs) await this.#send(job);
    });
  }

  async #send(items) {
    const { signal } = this.#stop;
    const live = items.filter((item) => item.status === "waiting");
    if (signal.aborted || !live.length) return;
    const before = this.sentBytes;
    this.#end(live, { status: "sending" });
    try {
      const path = await sendJob(live, {
        signal,
        onSent: (bytes) => { this.sentBytes = before + bytes; this.#tell([]); },
        onTrouble: (problem) => this.#trouble(problem, true),
      });
      this.#end(live, { status: "queued" });
      if (!this.#leave.signal.aborted) this.#watch(path, live);
    } catch (error) {
      const problem = Problem.of(error);
      this.#end(live, problem ? { status: "failed", error: problem } : { status: "cancelled" });
    }
  }

  async #watch(path, items) {
    for (const item of items) item.job = path;
    this.jobs.push(path);
    this.dispatchEvent(new CustomEvent("job"));
    try {
      await follow(path, {
        signal: this.#leave.signal,
        onJob: (job) => this.#take(path, job, items),
        onTrouble: (problem) => this.#trouble(problem, true),
      });
    } catch (error) {
      const problem = Problem.of(error);
      if (!problem) return;
      this.#end(items.filter((item) => item.job === path && LIVE.has(item.status)), { status: "failed", error: problem });
      if (!items.length) this.#trouble(problem, false);
    }
  }

  #take(path, job, items) {
    while (items.length < job.counts.total) { // a job of an earlier visit: its files are not here
      items.push({ index: this.items.length, name: "", job: path, status: "queued" });
      this.items.push(items.at(-1));
    }
    const changed = [];
    for (const { index, filename, status, predictions, model, timing_ms, error } of job.items) {
      const item = items[index];
      // one that failed may travel in another job by now
      if (item.job !== path || (item.status === status && item.name)) continue;
      const name = item.name || filename || "photo";
      Object.assign(item, { name, status, predictions, model, timing_ms, error: error && Problem.ofItem(error) });
      changed.push(item);
    }
    this.#tell(changed);
  }

  #end(items, change) {
    for (const item of items) Object.assign(item, change);
    this.#tell(items);
  }

  #tell(items) { this.dispatchEvent(new CustomEvent("change", { detail: items })); }
  #trouble(problem, goesOn) { this.dispatchEvent(new CustomEvent("trouble", { detail: { problem, goesOn } })); }
}
