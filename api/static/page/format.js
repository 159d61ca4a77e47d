// How numbers and states are written.

const whole = new Intl.NumberFormat("en");

export const count = (number) => whole.format(number);
export const photos = (number) => `${count(number)} ${number === 1 ? "photo" : "photos"}`;
export const files = (number) => `${count(number)} ${number === 1 ? "file" : "files"}`;

/** A share of 1 with one decimal; never 100% or 0%, which no model means. */
export function percent(share) {
  if (share >= 0.9995) return ">99.9%";
  if (share < 0.0005) return "<0.1%";
  return `${(share * 100).toFixed(1)}%`;
}

/** The same without decimals, where they do not matter. */
export function roundPercent(share) {
  if (share >= 0.995) return percent(share);
  return share < 0.005 ? "<1%" : `${Math.round(share * 100)}%`;
}

/** Milliseconds, with as many digits as mean something. */
export function duration(ms) {
  if (ms >= 10_000) return `${(ms / 1000).toFixed(0)} s`;
  if (ms >= 1_000) return `${(ms / 1000).toFixed(1)} s`;
  return ms >= 10 ? `${Math.round(ms)} ms` : `${ms.toFixed(1)} ms`;
}

export function bytes(number) {
  const [unit, size] = [["GB", 1e9], ["MB", 1e6], ["kB", 1e3]].find(([, least]) => number >= least) ?? ["B", 1];
  const figure = number / size;
  return `${figure >= 10 || size === 1 ? Math.round(figure) : figure.toFixed(1)} ${unit}`;
}

/** The time that is left, roughly: exact seconds would only flicker. */
export function timeLeft(seconds) {
  if (seconds < 10) return "a few seconds left";
  if (seconds < 90) return `about ${Math.ceil(seconds / 5) * 5} s left`;
  if (seconds < 5400) return `about ${Math.ceil(seconds / 60)} min left`;
  return `about ${(seconds / 3600).toFixed(1)} h left`;
}

/** What became of the photos of a finished batch. */
export function outcome({ succeeded, failed, cancelled }) {
  const kinds = [["classified", succeeded], ["failed", failed], ["cancelled", cancelled]];
  return kinds.filter(([, number], at) => number || !at).map(([word, number]) => `${count(number)} ${word}`).join(" · ");
}

const moment = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" });

/** A moment in ISO 8601, in the visitor's time zone. */
export const dateTime = (text) => moment.format(new Date(text));

const STATES = {
  waiting: "not sent yet",
  sending: "being sent",
  queued: "queued",
  running: "being classified",
  failed: "failed",
  cancelled: "cancelled",
};

export const stateWord = (state) => STATES[state] ?? state;
