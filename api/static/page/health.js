// The service's state, always in sight: broker, workers, model, and the notice of a fallback.

import { byId, make, pause, renew, setText } from "./dom.js";
import { keyHeaders, renewKey } from "./key.js";
import { learn } from "./model.js";
import { count, duration } from "./words.js";

const EVERY_MS = 4000;
const SOON_MS = 1500;
const WITHIN_MS = 5000;

const WORDS = { ok: "Ready", degraded: "Degraded", unavailable: "Unavailable" };

let declined = false; // to give a key: then only what somebody does asks for it again

/** Look again and again, for as long as the page is seen. */
export async function watchHealth() {
  for (let status; ;) {
    if (document.hidden) {
      await new Promise((seen) => document.addEventListener("visibilitychange", seen, { once: true }));
    }
    try {
      const health = await look();
      ({ status } = health);
      learn(health);
      show(health);
    } catch (error) { // one state that cannot be shown must not be the last
      console.warn(error);
    }
    await pause(status === "ok" ? EVERY_MS : SOON_MS);
  }
}

async function look() {
  const blank = { status: "unavailable", workers: [], queues: null, broker: null };
  try {
    for (;;) {
      const used = keyHeaders();
      const response = await fetch("/health", { cache: "no-store", headers: used, signal: AbortSignal.timeout(WITHIN_MS) });
      if (response.status !== 401) return told(await response.json()) ?? { ...blank, word: "Not reachable" };
      if (declined || !(await renewKey(used))) {
        declined = true;
        return { ...blank, word: "Key needed" };
      }
    }
  } catch {
    return { ...blank, word: "Not reachable" };
  }
}

/** The state, or null when it is a refusal: the api and proxies answer in JSON too. */
const told = (answer) => (answer?.broker && answer.workers && answer.queues ? answer : null);

function show(health) {
  const now = word(health);
  const { state } = byId("service").dataset;
  if (state !== "unknown" && byId("service-word").textContent !== now) setText(byId("say-state"), `Service: ${now}`);
  byId("service").dataset.state = health.status;
  setText(byId("service-word"), now);
  setText(byId("service-facts"), facts(health).join(" · "));
  const notice = byId("notice");
  setText(notice, health.notice ?? "");
  notice.hidden = !health.notice;
  const panel = byId("service-panel");
  if (byId("service").open || !panel.hasChildNodes()) renew(panel, make("div", {}, ...details(health)));
}

function word(health) {
  if (health.word) return health.word;
  if (health.broker.status === "down") return "Broker away";
  const states = health.workers.map((worker) => worker.status);
  if (health.status !== "unavailable") return WORDS[health.status];
  if (states.includes("starting")) return "Starting";
  return states.length ? "Worker stalled" : "No worker";
}

/** The most telling first: a narrow window cuts off the end. */
function facts({ broker, workers }) {
  if (!broker || broker.status === "down") return [];
  const model = workers.find((worker) => worker.model);
  const busy = workers.filter((worker) => worker.status === "busy").length;
  const noun = workers.length === 1 ? "worker" : "workers";
  return [
    ...(model ? [[model.model, model.precision].filter(Boolean).join(" ")] : []),
    `${count(workers.length)} ${noun}${busy ? `, ${busy === workers.length ? "" : `${busy} `}busy` : ""}`,
    `broker ${duration(broker.latency_ms)}`,
  ];
}

function details(health) {
  if (!health.broker) return [make("p", {}, health.word === "Key needed" ? "The service tells its state to those who have a key." : "The service does not answer. This line changes as soon as it does.")];
  const { broker, workers, queues } = health;
  const waits = `${count(queues.interactive)} interactive, ${count(queues.batch)} batch`;
  const pairs = [
    ["Broker", broker.status === "up" ? `up, ${duration(broker.latency_ms)}` : "down: photos are taken in again when it is back"],
    ["Waiting", waits],
  ];
  const list = make("dl", {}, ...pairs.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));
  if (!workers.length) return [list, make("p", { textContent: "No worker has reported. One that starts appears here by itself." })];
  return [list, make("div", { className: "scroll", tabIndex: 0, role: "group", "aria-label": "Workers" }, table(workers))];
}

function table(workers) {
  const head = ["Worker", "State", "Model", "Precision", "Device", "In flight"];
  const row = (worker) => [worker.name, worker.status, worker.model, worker.precision, worker.device, worker.in_flight];
  return make("table", {},
    make("thead", {}, make("tr", {}, ...head.map((text) => make("th", { scope: "col" }, text)))),
    make("tbody", {}, ...workers.map((worker) => make("tr", {}, ...row(worker).map((value) => make("td", {}, String(value ?? "–")))))));
}
