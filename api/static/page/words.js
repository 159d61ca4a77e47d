// How figures and states read.

const whole = new Intl.NumberFormat("en");

export const count = (number) => whole.format(number);
export const photos = (number) => `${count(number)} ${number === 1 ? "photo" : "photos"}`;
export const percent = (share) => `${(share * 100).toFixed(1)} %`;
export const roundPercent = (share) => `${Math.round(share * 100)} %`;

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

/** Time that is left, roughly: a false second would only flicker. */
export function timeLeft(seconds) {
  if (seconds < 10) return "a few seconds left";
  if (seconds < 90) return `about ${Math.ceil(seconds / 5) * 5} s left`;
  if (seconds < 5400) return `about ${Math.ceil(seconds / 60)} min left`;
  return `about ${(seconds / 3600).toFixed(1)} h left`;
}

const STATES = {
  waiting: "not sent yet",
  sending: "on its way",
  queued: "queued",
  running: "being classified",
  failed: "failed",
  cancelled: "cancelled",
};

export const stateWord = (state) => STATES[state] ?? state;
