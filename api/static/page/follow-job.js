// Follows a job to its end, through restarts of whatever is in between.

import { linkedTo, pause } from "./abort.js";
import { read } from "./api-client.js";
import { JobEvents } from "./job-events.js";
import { Problem } from "./problem.js";

const AGAIN_MS = 2000;
const PAGE = 200; // items
// A failure that may be a fault of the service, and then may stay, is retried this often.
const TRIES = 3;
const FINISHED = new Set(["succeeded", "failed", "cancelled"]);

/**
 * Calls `onJob(job)` for each page of items as it finishes, in order; returns when all are finished.
 *
 * `onTrouble(problem)` is called when the service does not answer, and with `null` when it answers
 * again. Throws the Problem of a job that the service no longer knows.
 */
export async function follow(path, { onJob, onTrouble = () => {}, signal }) {
  const watching = linkedTo(signal);
  const events = new JobEvents(path, watching.signal);
  try {
    for (let from = 0; ;) {
      const job = await patiently(() => read(`${path}?offset=${from}&limit=${PAGE}`, { signal, cache: "no-store" }), { onTrouble, signal });
      onJob(job);
      const open = job.items.findIndex((item) => !FINISHED.has(item.status));
      from += open < 0 ? job.items.length : open;
      if (from >= job.counts.total) return;
      if (open >= 0) await events.next(watching.signal);
    }
  } finally {
    watching.abort();
  }
}

/**
 * Retry until it works, as Retry-After says. Throws only what waiting cannot mend.
 *
 * Whichever way it ends, the last trouble that it reported is taken back with `null`.
 */
export async function patiently(attempt, { onTrouble, signal }) {
  let reported = false;
  try {
    for (let faults = 0; ;) {
      try {
        return await attempt();
      } catch (error) {
        if (!(error instanceof Problem) || error.final) throw error;
        const mayPass = error.mayPass && error.status !== 401;
        if (!error.passes && (!mayPass || (faults += 1) >= TRIES)) throw error;
        reported = true;
        onTrouble(error);
        await pause(Math.max(AGAIN_MS, error.retryAfterS * 1000), signal);
      }
    }
  } finally {
    if (reported) onTrouble(null);
  }
}
