// Follows a job to its end, through restarts of whatever is in between.

import { pause } from "./dom.js";
import { Changes } from "./events.js";
import { Problem } from "./problems.js";
import { read } from "./service.js";

const AGAIN_MS = 2000;
const PAGE = 200;
// So often something that may be a fault of the service is asked for; a fault may stay.
const TRIES = 3;
const ENDS = new Set(["succeeded", "failed", "cancelled"]);

/**
 * Calls `onJob(job)` for every page of items as it ends, in order, and returns when all have.
 *
 * `onTrouble(problem)` is told when the service does not answer, and `null` when it does again.
 * Throws the Problem of a job that is not known any more.
 */
export async function follow(path, { onJob, onTrouble = () => {}, signal }) {
  const over = new AbortController();
  const watching = AbortSignal.any([signal, over.signal]);
  const changes = new Changes(path, watching);
  try {
    for (let from = 0; ;) {
      const job = await patiently(() => read(`${path}?offset=${from}&limit=${PAGE}`, { signal, cache: "no-store" }), { onTrouble, signal });
      onJob(job);
      const open = job.items.findIndex((item) => !ENDS.has(item.status));
      from += open < 0 ? job.items.length : open;
      if (from >= job.counts.total) return;
      if (open >= 0) await changes.next(watching);
    }
  } finally {
    over.abort();
  }
}

/** Try until it works, as Retry-After says; only what waiting cannot mend is thrown. */
export async function patiently(attempt, { onTrouble, signal }) {
  for (let told = false, faults = 0; ;) {
    try {
      const result = await attempt();
      if (told) onTrouble(null);
      return result;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      const faulty = error.mayPass && error.status !== 401;
      if (error.reached && !error.passes && (!faulty || (faults += 1) >= TRIES)) {
        if (told) onTrouble(null);
        throw error;
      }
      told = true;
      onTrouble(error);
      await pause(Math.max(AGAIN_MS, error.retryAfterS * 1000), signal);
    }
  }
}
