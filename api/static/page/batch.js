// A batch: its photos, the jobs that they travel in, and where each of them stands. Shows nothing;
// dispatches "change" (detail: the items that changed), "trouble" (a Problem or null) and "job".

import { follow, patiently } from "./follow.js";
import { jobsOf } from "./plan.js";
import { ask, Problem, upload } from "./service.js";

const LIVE = new Set(["waiting", "sending", "queued", "running"]);

const newKey = () => Array.from(crypto.getRandomValues(new Uint32Array(4)), (each) => each.toString(16).padStart(8, "0")).join("");

export class Batch extends EventTarget {
  items = []; // {index, name, file?, status, predictions?, model?, timing_ms?, error?}
  jobs = []; // paths, such as /jobs/5f0c…
  sentBytes = 0;
  allBytes = 0;
  #stop = new AbortController(); // of sending
  #leave = new AbortController(); // of watching
  #sending = Promise.resolve();

  /** Put more photos into the batch; they are sent after those before. */
  add(files) {
    if (this.#stop.signal.aborted) this.#stop = new AbortController(); // there is more after a cancel
    const items = files.map((file, at) => ({
      index: this.items.length + at, name: file.name || "photo", file, status: "waiting",
    }));
    this.items.push(...items);
    this.allBytes += files.reduce((sum, file) => sum + file.size, 0);
    this.#tell(items);
    const jobs = jobsOf(items);
    this.#sending = this.#sending.then(async () => {
      for (const job of jobs) await this.#send(job);
    });
  }

  /** Show jobs that were sent before, by an earlier visit or by another program. */
  open(paths) {
    for (const path of paths) this.#watch(path, []);
  }

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
    this.#stop.abort();
    this.#end(this.items.filter((item) => item.status === "waiting" || item.status === "sending"), { status: "cancelled" });
    await Promise.all(this.jobs.map((path) => ask(path, { method: "DELETE" })));
  }

  /** Stop watching, for good. The jobs go on. */
  leave() {
    this.#stop.abort();
    this.#leave.abort();
  }

  async #send(items) {
    const { signal } = this.#stop;
    const live = items.filter((item) => item.status === "waiting");
    if (signal.aborted || !live.length) return;
    const before = this.sentBytes;
    const size = live.reduce((sum, item) => sum + item.file.size, 0);
    // sent again under the same key, it is the same job: an answer may be lost on the way
    const headers = { "idempotency-key": newKey() };
    const attempt = () => {
      const form = new FormData();
      for (const item of live) form.append("files", item.file, item.name);
      return upload("/jobs", form, {
        headers,
        signal,
        onSent: (share) => { this.sentBytes = before + size * share; this.#tell([]); },
      });
    };
    this.#end(live, { status: "sending" });
    try {
      const response = await patiently(attempt, { signal, onTrouble: (problem) => this.#trouble(problem) });
      this.sentBytes = before + size;
      this.#end(live, { status: "queued" });
      this.#watch(response.headers.get("location"), live);
    } catch (error) {
      const problem = Problem.of(error);
      if (problem) this.#end(live, { status: "failed", error: problem });
    }
  }

  async #watch(path, items) {
    this.jobs.push(path);
    this.dispatchEvent(new CustomEvent("job"));
    try {
      await follow(path, {
        signal: this.#leave.signal,
        onJob: (job) => this.#take(job, items),
        onTrouble: (problem) => this.#trouble(problem),
      });
    } catch (error) {
      const problem = Problem.of(error);
      if (!problem) return;
      this.#end(items.filter((item) => LIVE.has(item.status)), { status: "failed", error: problem });
      if (!items.length) this.#trouble(problem);
    }
  }

  #take(job, items) {
    while (items.length < job.counts.total) { // a job of an earlier visit: its files are not here
      items.push({ index: this.items.length, name: "", status: "queued" });
      this.items.push(items.at(-1));
    }
    const changed = [];
    for (const { index, filename, status, predictions, model, timing_ms, error } of job.items) {
      const item = items[index];
      if (item.status === status && item.name) continue;
      Object.assign(item, { name: item.name || filename || "photo", status, predictions, model, timing_ms, error });
      changed.push(item);
    }
    this.#tell(changed);
  }

  #end(items, change) {
    for (const item of items) Object.assign(item, change);
    this.#tell(items);
  }

  #tell(items) { this.dispatchEvent(new CustomEvent("change", { detail: items })); }
  #trouble(problem) { this.dispatchEvent(new CustomEvent("trouble", { detail: problem })); }
}
