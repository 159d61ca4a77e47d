// The line that says that a smaller model is in use, until the user closes it. The operator finds
// the reason in the worker's log, in /health and in /model.

import { byId } from "./dom.js";
import { forGood } from "./storage.js";

const NAME = "closed-notice";
let notice = "";

/** Show the line for a notice of the service, unless this notice was closed before; "" hides it. */
export function showNotice(text) {
  notice = text;
  byId("notice").hidden = !text || forGood.get(NAME) === text;
}

byId("notice-close").addEventListener("click", () => {
  forGood.set(NAME, notice);
  byId("notice").hidden = true;
  byId("main").focus();
});
