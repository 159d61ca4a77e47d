// A job's progress as server-sent events, read with fetch because EventSource cannot send a key.
// Where no stream can be read, the job is polled.

import { pause } from "./abort.js";
import { ask } from "./api-client.js";

const POLL_MS = 700;
const STREAMING_MS = 15_000; // in case the stream has fallen silent
const REOPEN_MS = 1500;
// A browser opens six connections to a host; the uploads need some of them.
const STREAMS_MOST = 2;
let streams = 0;

export class JobEvents {
  #changed = false;
  #wake = () => {};
  #streaming = false;

  /** Listens to the events of a job until the signal is aborted. */
  constructor(path, signal) {
    this.#listen(path, signal).catch(() => {});
  }

  /** Returns when the job has changed since the last call, or may have. */
  async next(signal) {
    if (!this.#changed) {
      await pause(this.#streaming ? STREAMING_MS : POLL_MS, signal, (wake) => { this.#wake = wake; });
    }
    this.#changed = false;
  }

  async #listen(path, signal) {
    while (!signal.aborted) {
      if (streams < STREAMS_MOST) {
        streams += 1;
        try {
          await this.#read(await ask(`${path}/events`, { signal, quiet: true }));
        } catch { // the caller polls the job itself and reports what is wrong
        } finally {
          streams -= 1;
          this.#notify(false);
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
      // a comment, which only keeps the connection open, is not an event
      if (/^event:/m.test(rest.slice(0, whole))) this.#notify(true);
      rest = rest.slice(whole + 2);
    }
  }

  #notify(streaming) {
    this.#streaming = streaming;
    this.#changed = true;
    this.#wake();
  }
}
