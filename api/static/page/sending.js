// Sends the photos of a batch, job after job. What is too large on the way is sent in halves;
// photos whose files have changed fail by themselves and the others go on.

import { Problem } from "./problem.js";
import { jobsOf } from "./split-into-jobs.js";
import { sizeOf } from "./upload.js";
import { sendJob } from "./upload-job.js";

// A half of an upload that was cut off several times needs fewer tries.
const CUTS_OF_A_HALF = 2;

export class Sending {
  sentBytes = 0;
  allBytes = 0;
  #stop = new AbortController();
  #last = Promise.resolve();
  #tooMuch = Infinity; // bytes: the smallest upload that was refused as too large
  #on;

  /** Takes onChange(items, change), onJob(path, items) and onTrouble(problem or null). */
  constructor(on) { this.#on = on; }

  /** Send these items after those that were added before. */
  add(items) {
    if (this.#stop.signal.aborted) this.#stop = new AbortController(); // more photos after a cancel
    this.allBytes += sizeOf(items);
    this.#on.onChange(items, { status: "waiting", job: undefined, error: undefined });
    const jobs = jobsOf(items);
    this.#last = this.#last.then(async () => {
      for (const job of jobs) await this.#send(job);
    });
  }

  /** Send no more; of these items those that are still unsent are cancelled. Returns when the last upload is decided. */
  stop(items) {
    this.#stop.abort();
    this.#on.onChange(items.filter((item) => item.status === "waiting"), { status: "cancelled" });
    return this.#last;
  }

  async #send(items, cutsMost) {
    const { signal } = this.#stop;
    const live = items.filter((item) => item.status === "waiting");
    if (!live.length) return;
    if (signal.aborted) return this.#on.onChange(live, { status: "cancelled" });
    if (live.length > 1 && sizeOf(live) >= this.#tooMuch) return this.#sendHalves(live, cutsMost);
    const before = this.sentBytes;
    const onSent = (bytes) => { this.sentBytes = before + bytes; this.#on.onChange([], {}); };
    this.#on.onChange(live, { status: "sending" });
    try {
      const path = await sendJob(live, { signal, cutsMost, onSent, onTrouble: this.#on.onTrouble });
      this.#on.onChange(live, { status: "queued" });
      this.#on.onJob(path, live);
    } catch (error) {
      onSent(0);
      await this.#failed(live, Problem.of(error), () => onSent(sizeOf(live)), cutsMost);
    }
  }

  async #failed(items, problem, done, cutsMost) {
    if (problem?.changed.length && problem.changed.length < items.length) {
      const rest = items.filter((item) => !problem.changed.includes(item));
      this.#end(problem.changed, problem);
      this.#on.onChange(rest, { status: "waiting" });
      return this.#send(rest, cutsMost);
    }
    if (problem?.tooMuch && items.length > 1) {
      this.#tooMuch = Math.min(this.#tooMuch, sizeOf(items));
      this.#on.onChange(items, { status: "waiting" });
      return this.#sendHalves(items, CUTS_OF_A_HALF);
    }
    done();
    this.#on.onChange(items, problem ? { status: "failed", error: problem } : { status: "cancelled" });
  }

  #end(items, problem) {
    this.sentBytes += sizeOf(items);
    this.#on.onChange(items, { status: "failed", error: problem });
  }

  async #sendHalves(items, cutsMost) {
    const middle = Math.ceil(items.length / 2);
    await this.#send(items.slice(0, middle), cutsMost);
    await this.#send(items.slice(middle), cutsMost);
  }
}
