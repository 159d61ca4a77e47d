// The photos of a batch as tiles. However large the batch, one page of tiles is in the document.

import { byId, isOff, make, setOff, setText } from "./dom.js";
import { thumbnail } from "./thumbnail.js";
import { count, roundPercent, stateWord } from "./format.js";

const PAGE = 96;
// So few tiles more do not make another page: 100 photos are one page.
const SPARE = 24;

export class Grid {
  #all = [];
  #shown = []; // the items that the filter lets through
  #page = 0;
  #tiles = new Map(); // item → its tile, for the page in the document
  #choose = (items) => items;

  constructor(onOpen) {
    this.onOpen = onOpen;
    for (const [id, by] of [["previous", -1], ["next", 1]]) {
      byId(id).addEventListener("click", () => { if (!isOff(byId(id))) this.#turn(by); });
    }
  }

  get shown() { return this.#shown; }

  /** Show these items, from the first page. */
  show(items) {
    this.#all = items;
    this.#page = 0;
    this.#render();
  }

  /** Show what `choose(items)` returns, from the first page. */
  filter(choose) {
    this.#choose = choose;
    this.#page = 0;
    this.#render();
  }

  /** Paint again: some items have changed. */
  update() { this.#render(); }

  #turn(by) {
    this.#page += by;
    this.#render();
    byId("batch").scrollIntoView({ block: "start" });
  }

  #render() {
    this.#shown = this.#choose(this.#all);
    const pages = Math.max(1, Math.ceil((this.#shown.length - SPARE) / PAGE));
    this.#page = Math.min(this.#page, pages - 1);
    const from = this.#page * PAGE;
    const items = this.#shown.slice(from, this.#page === pages - 1 ? undefined : from + PAGE);
    const tiles = new Map(items.map((item) => [item, this.#tiles.get(item) ?? this.#tile(item)]));
    this.#tiles = tiles;
    for (const [item, tile] of tiles) paint(tile, item);
    arrange(byId("grid"), [...tiles.values()]);
    byId("nothing").hidden = items.length > 0 || !this.#all.length;
    byId("pager").hidden = pages === 1;
    setOff(byId("previous"), this.#page === 0);
    setOff(byId("next"), this.#page === pages - 1);
    setText(byId("range"), `${count(from + 1)}–${count(from + items.length)} of ${count(this.#shown.length)}`);
  }

  #tile(item) {
    const button = make("button", { type: "button", className: "tile" },
      thumbnail(item.file),
      make("span", { className: "tile-label" }),
      make("span", { className: "tile-name" }),
      make("span", { className: "tile-share" }));
    button.addEventListener("click", () => this.onOpen(item));
    return make("li", {}, button);
  }
}

/** Put these tiles into the list and move no other: a tile that is moved would lose the focus. */
function arrange(list, tiles) {
  const wanted = new Set(tiles);
  const before = [...list.children];
  const focused = before.findIndex((tile) => tile.contains(document.activeElement));
  for (const tile of before) if (!wanted.has(tile)) tile.remove();
  let at = list.firstChild;
  for (const tile of tiles) {
    if (tile === at) at = at.nextSibling;
    else list.insertBefore(tile, at);
  }
  if (focused >= 0 && !before[focused].isConnected) (tiles[focused] ?? tiles.at(-1))?.firstChild.focus();
}

function paint(tile, item) {
  const button = tile.firstChild;
  const named = [item.concept, item.predictions?.[0]].filter(Boolean);
  const [best] = named;
  const label = best?.label ?? item.error?.title ?? stateWord(item.status);
  const share = best ? roundPercent(best.confidence) : "";
  button.dataset.state = item.status;
  setText(button.querySelector(".tile-label"), label);
  setText(button.querySelector(".tile-share"), share);
  setText(button.querySelector(".tile-name"), item.name);
  button.title = [item.path || item.name, ...(best ? named.map((one) => one.label) : [label])].join("\n");
  button.setAttribute("aria-label", `${item.name}: ${label} ${share}`.trim());
}
