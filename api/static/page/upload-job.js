// Sends photos as one job, again and again until the service has accepted it.

import { jobPath } from "./addresses.js";
import { patiently } from "./follow-job.js";
import { sizeOf, uploader } from "./upload.js";

const newKey = () => Array.from(crypto.getRandomValues(new Uint32Array(4)), (each) => each.toString(16).padStart(8, "0")).join("");

/** Returns the job's path. `onSent` receives the number of bytes that are sent so far. */
export async function sendJob(items, { signal, onSent, onTrouble, cutsMost }) {
  const size = sizeOf(items);
  // sent again with the same key it is the same job: a response may be lost on the way
  const headers = { "idempotency-key": newKey() };
  const attempt = uploader("jobs", "files", items, { headers, signal, cutsMost, onSent: (share) => onSent(size * share) });
  const response = await patiently(attempt, { signal, onTrouble });
  onSent(size);
  return jobPath(response.headers.get("location"));
}
