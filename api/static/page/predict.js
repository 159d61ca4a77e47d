// One photo's result, by /predict and, where that takes longer than the service waits, by its job.

import { jobPath } from "./addresses.js";
import { record } from "./api-client.js";
import { follow } from "./follow-job.js";
import { Problem } from "./problem.js";
import { waitingFor } from "./service-status.js";
import { uploader } from "./upload.js";

// How long the service may hold the request: many proxies give up after 30 s.
const HEADERS = { prefer: "wait=20" };

/**
 * Make a function that asks for the item of a photo, to be called again after a failure that may
 * pass. `onWait` receives what it waits for, as a text.
 */
export function predictor(file, { query = "", signal, onWait = () => {} }) {
  const items = [{ file, name: file.name || "photo" }];
  const send = uploader(`predict${query}`, "file", items, { headers: HEADERS, signal });
  return async () => {
    const response = await send();
    return response.status === 200 ? record(response) : jobResult(jobPath(response.headers.get("location")), signal, onWait);
  };
}

async function jobResult(path, signal, onWait) {
  let last;
  await follow(path, {
    signal,
    onJob: (job) => { [last] = job.items; },
    onTrouble: (problem) => onWait(problem ? `${problem.title}. Asking again…` : waitingFor()),
  });
  if (last.error) throw Problem.ofItem(last.error);
  if (!last.predictions) throw new Problem({ title: "Cancelled", detail: "Another client cancelled the request. Send the photo again." });
  return last;
}
