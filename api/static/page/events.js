// A job's progress as the service tells it: server-sent events, read with fetch, as EventSource
// cannot send a key. Where there is no stream, asking now and then does.

import { pause } from "./dom.js";
import { ask } from "./service.js";

const WITHOUT_MS = 700;
const WITH_MS = 15_000; // should the stream have fallen silent
const REOPEN_MS = 1500;
// A browser gives one host six connections; the photos need some of them.
const STREAMS_MOST = 2;
let streams = 0;

export class Changes {
  #changed = false;
  #wake = () => {};
  #streaming = false;

  /** Listens to the events of a job until the signal is aborted. */
  constructor(path, signal) {
    this.#listen(path, signal).catch(() => {});
  }

  /** Returns when the job has changed since the last time, or may have. */
  async next(signal) {
    const timer = new AbortController();
    const stop = AbortSignal.any([signal, timer.signal]);
    if (!this.#changed) {
      const told = new Promise((resume) => { this.#wake = resume; });
      await Promise.race([told, pause(this.#streaming ? WITH_MS : WITHOUT_MS, stop)]).finally(() => timer.abort());
    }
    this.#changed = false;
  }

  async #listen(path, signal) {
    while (!signal.aborted) {
      if (streams < STREAMS_MOST) {
        streams += 1;
        try {
          await this.#read(await ask(`${path}/events`, { signal, quiet: true }));
        } catch { // the caller's own reading says what is wrong
        } finally {
          streams -= 1;
          this.#tell(false);
        }
      }
      await pause(REOPEN_MS, signal);
    }
  }

  async #read(response) {
    const reader = response.body.getReader();
    const decoder = new TextDecoder();
    for (let rest = ""; ;) {
      const { value, done } = await reader.read();
      if (done) return;
      rest += decoder.decode(value, { stream: true });
      const whole = rest.lastIndexOf("\n\n");
      if (whole < 0) continue;
      // a comment, which only keeps the connection open, is no event
      if (/^event:/m.test(rest.slice(0, whole))) this.#tell(true);
      rest = rest.slice(whole + 2);
    }
  }

  #tell(streaming) {
    this.#streaming = streaming;
    this.#changed = true;
    this.#wake();
  }
}
