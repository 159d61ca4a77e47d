// Sends photos as one job, again and again until the service has taken it in.

import { patiently } from "./follow.js";
import { upload } from "./service.js";

const newKey = () => Array.from(crypto.getRandomValues(new Uint32Array(4)), (each) => each.toString(16).padStart(8, "0")).join("");

/** Returns the job's path; `onSent(bytes)` is told how much has gone. */
export async function sendJob(items, { signal, onSent, onTrouble }) {
  const size = items.reduce((sum, item) => sum + item.file.size, 0);
  // sent again under the same key, it is the same job: an answer may be lost on the way
  const headers = { "idempotency-key": newKey() };
  const attempt = () => {
    const form = new FormData();
    for (const item of items) form.append("files", item.file, item.name);
    return upload("/jobs", form, { headers, signal, onSent: (share) => onSent(size * share) });
  };
  try {
    const response = await patiently(attempt, { signal, onTrouble });
    return response.headers.get("location");
  } finally {
    onSent(size);
  }
}
