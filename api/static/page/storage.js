// Small values kept by the browser. Where the user blocks site data, even reading
// `window.sessionStorage` throws; the values then last until the page is closed.

class Kept {
  #memory = new Map();
  #area;

  constructor(area) { this.#area = area; }

  get(name) {
    try {
      return this.#area().getItem(name) ?? this.#memory.get(name) ?? null;
    } catch {
      return this.#memory.get(name) ?? null;
    }
  }

  set(name, value) {
    this.#memory.set(name, value);
    try {
      this.#area().setItem(name, value);
    } catch { // blocked or full: the copy in memory has to do
    }
  }
}

/** Until the tab is closed. */
export const forTab = new Kept(() => sessionStorage);
/** Until the user clears the browser's data. */
export const forGood = new Kept(() => localStorage);
