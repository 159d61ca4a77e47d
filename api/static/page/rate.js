// Photos a second, over the last ten seconds.

const OVER_MS = 10_000;
const LEAST_MS = 800;

export class Rate {
  #samples = [];

  add(ended, now = performance.now()) {
    if (this.#samples.at(-1)?.ended !== ended) this.#samples.push({ ended, now });
    while (this.#samples.length > 2 && now - this.#samples[0].now > OVER_MS) this.#samples.shift();
  }

  /** 0 while nothing is known yet. */
  get perS() {
    const [first] = this.#samples;
    const last = this.#samples.at(-1);
    const ms = first ? last.now - first.now : 0;
    return ms < LEAST_MS ? 0 : ((last.ended - first.ended) / ms) * 1000;
  }
}
