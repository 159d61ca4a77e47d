// The state of the service in the page's header: one word for everybody, and workers, queues and
// Redis in the details that fold out.

import { pause, timeout } from "./abort.js";
import { address } from "./addresses.js";
import { keyHeaders, onKeyNeeded, renewKey } from "./api-key.js";
import { byId, make, renew, setText } from "./dom.js";
import { showNotice } from "./fallback-notice.js";
import { count, duration } from "./format.js";
import { learn } from "./model-info.js";

const EVERY_MS = 4000;
const SOON_MS = 1500;
const WITHIN_MS = 5000;

// State → its word in the header, and what a waiting photo is told.
const STATES = {
  ok: ["Ready", "Classifying…"],
  degraded: ["Partly available", "Classifying…"],
  unreachable: ["Not reachable", "Waiting for the service to answer…"],
  key: ["API key required", "Waiting for an API key…"],
  broker: ["Unavailable", "The service is temporarily unavailable. The photo is classified as soon as it is back."],
  starting: ["Starting", "The service is starting. The photo is classified as soon as it is ready."],
  stalled: ["Not responding", "The worker does not respond. The photo is classified as soon as it does."],
  none: ["No worker", "No worker is running. The photo is classified as soon as one is."],
};

const listeners = [];
let state = "unknown";
let declined = false; // to enter a key: then only an action of the user asks for it again

/** Call back when the state changes. */
export const onStatus = (act) => listeners.push(act);

/** What a photo waits for at the moment, for people. */
export const waitingFor = () => (STATES[state] ?? STATES.ok)[1];

/** Whether the service can answer questions about jobs. */
export const answers = () => !["unknown", "unreachable", "key", "broker"].includes(state);

/** Poll /health for as long as the page is visible. */
export async function watchHealth() {
  for (;;) {
    if (document.hidden) {
      await new Promise((resolve) => document.addEventListener("visibilitychange", resolve, { once: true }));
    }
    try {
      const health = await read();
      learn(health);
      show(health);
    } catch (error) { // a response that cannot be shown must not end the loop
      console.warn(error);
    }
    await pause(state === "ok" ? EVERY_MS : SOON_MS);
  }
}

async function read() {
  const blank = { status: "unavailable", workers: [], queues: null, broker: null };
  try {
    for (;;) {
      const used = keyHeaders();
      const response = await fetch(address("health"), { cache: "no-store", headers: used, signal: timeout(WITHIN_MS) });
      if (response.status !== 401) return healthIn(await response.json()) ?? { ...blank, state: "unreachable" };
      if (declined || !(await renewKey(used))) {
        declined = true;
        return { ...blank, state: "key" };
      }
    }
  } catch {
    return { ...blank, state: "unreachable" };
  }
}

/** The health in a response, or null for an error: the API and proxies send those as JSON too. */
const healthIn = (body) => (body?.broker && body.workers && body.queues ? body : null);

function show(health) {
  const before = state;
  const now = stateOf(health);
  const [word] = STATES[now];
  state = now;
  if (before !== "unknown" && before !== now) setText(byId("say-state"), `Service: ${word}`);
  byId("service").dataset.state = health.status;
  setText(byId("service-word"), word);
  showNotice(health.notice ?? "");
  const panel = byId("service-panel");
  if (byId("service").open || !panel.hasChildNodes()) renew(panel, make("div", {}, ...details(health)));
  if (before !== now) for (const act of listeners) act();
}

function stateOf(health) {
  if (health.state) return health.state;
  if (health.broker.status === "down") return "broker";
  if (health.status !== "unavailable") return health.status;
  const states = health.workers.map((worker) => worker.status);
  if (states.includes("starting")) return "starting";
  return states.length ? "stalled" : "none";
}

function details(health) {
  if (health.state === "key") return [make("p", {}, "The state of the service is visible after you enter an API key.")];
  if (!health.broker) return [make("p", {}, "The service does not answer. This line changes as soon as it does.")];
  const { broker, workers, queues } = health;
  const pairs = [
    ["Model", workers.find(({ model }) => model)?.model ?? "–"],
    ["Redis", broker.status === "up" ? `up, ${duration(broker.latency_ms)}` : "not responding; photos are accepted again when it is back"],
    ["Waiting", `${count(queues.interactive)} single, ${count(queues.batch)} in batches`],
  ];
  const list = make("dl", {}, ...pairs.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));
  if (!workers.length) return [list, make("p", { textContent: "No worker is running. A worker that starts appears here." })];
  return [list, make("div", { className: "scroll", tabIndex: 0, role: "group", "aria-label": "Workers" }, table(workers))];
}

function table(workers) {
  const head = ["Worker", "State", "Model", "Precision", "Device", "In progress"];
  const row = (worker) => [worker.name, worker.status, worker.model, worker.precision, worker.device, worker.in_flight];
  return make("table", {},
    make("thead", {}, make("tr", {}, ...head.map((text) => make("th", { scope: "col" }, text)))),
    make("tbody", {}, ...workers.map((worker) => make("tr", {}, ...row(worker).map((value) => make("td", {}, String(value ?? "–")))))));
}

onKeyNeeded(() => { if (state === "unknown") setText(byId("service-word"), STATES.key[0]); });
