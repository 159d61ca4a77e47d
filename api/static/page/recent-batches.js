// The batches that the service still has, to come back to. A batch that was sent as several jobs is
// one line in the browser that sent it, because that remembers which jobs belong together.

import { read } from "./api-client.js";
import { needsKey } from "./api-key.js";
import { byId, make, setText } from "./dom.js";
import { dateTime, outcome, photos } from "./format.js";
import { answers, onStatus } from "./service-status.js";
import { forGood } from "./storage.js";

const NAME = "batches";
const KEPT_MOST = 50; // batches
const READ_MOST = 500; // jobs
const SHOWN_MOST = 8;
const EVERYONE = "This service requires no API key, so everyone sees all batches.";

let wanted = false;

/** Remember which jobs are one batch. */
export function rememberBatch(ids) {
  const others = remembered().filter((batch) => !batch.some((id) => ids.includes(id)));
  forGood.set(NAME, JSON.stringify([ids, ...others].slice(0, KEPT_MOST)));
}

function remembered() {
  try {
    return JSON.parse(forGood.get(NAME) ?? "[]").filter(Array.isArray);
  } catch { // changed by hand
    return [];
  }
}

/** Show the list, or hide it while something else is shown. */
export function showRecent(on) {
  wanted = on;
  if (on) update();
  else byId("recent").hidden = true;
}

async function update() {
  if (!answers()) return;
  const jobs = await list().catch(() => []); // the header shows the state of the service
  if (!wanted) return;
  const batches = together(jobs).slice(0, SHOWN_MOST);
  byId("recent").hidden = !batches.length;
  byId("recent-list").replaceChildren(...batches.map(line));
  setText(byId("recent-hint"), needsKey() ? "" : EVERYONE);
}

async function list() {
  const jobs = [];
  for (let path = "jobs?limit=100"; path && jobs.length < READ_MOST;) {
    const page = await read(path, { quiet: true, cache: "no-store" });
    jobs.push(...page.jobs);
    path = page.next?.replace(/^\//, "");
  }
  return jobs;
}

/** Jobs, newest first, as batches. */
function together(jobs) {
  const batchOf = new Map(remembered().flatMap((ids) => ids.map((id) => [id, ids])));
  const batches = new Map();
  for (const job of jobs) {
    const key = batchOf.get(job.job_id) ?? job.job_id;
    if (!batches.has(key)) batches.set(key, []);
    batches.get(key).unshift(job);
  }
  return [...batches.values()];
}

function line(jobs) {
  const sum = (state) => jobs.reduce((total, { counts }) => total + counts[state], 0);
  const counts = Object.fromEntries(["total", "succeeded", "failed", "cancelled"].map((state) => [state, sum(state)]));
  const waiting = sum("queued") + sum("running");
  const { created_at: created } = jobs[0];
  return make("li", {}, make("a", { href: `#${jobs.map(({ job_id: id }) => id).join(",")}` },
    make("strong", {}, photos(counts.total)),
    make("time", { dateTime: created }, dateTime(created)),
    make("span", {}, waiting ? `${photos(waiting)} waiting` : outcome(counts))));
}

onStatus(() => { if (wanted) update(); });
