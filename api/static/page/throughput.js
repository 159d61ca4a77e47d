// Photos per second, over the last ten seconds.

const OVER_MS = 10_000;
const LEAST_MS = 800;

export class Throughput {
  #samples = [];

  /** Note how many photos are finished at this moment. */
  add(finished, now = performance.now()) {
    if (this.#samples.at(-1)?.finished !== finished) this.#samples.push({ finished, now });
    while (this.#samples.length > 2 && now - this.#samples[0].now > OVER_MS) this.#samples.shift();
  }

  /** Photos per second; 0 while it is not known yet. */
  get perS() {
    const [first] = this.#samples;
    const last = this.#samples.at(-1);
    const ms = first ? last.now - first.now : 0;
    return ms < LEAST_MS ? 0 : ((last.finished - first.finished) / ms) * 1000;
  }
}
