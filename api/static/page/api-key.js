// The API key, where the service requires one. It is kept until the tab is closed.

import { byId } from "./dom.js";
import { forTab } from "./storage.js";

const NAME = "api-key";
const listeners = [];
let asking = null;
let required = false;

/** The headers that a request carries. */
export function keyHeaders() {
  const key = forTab.get(NAME);
  return key ? { authorization: `Bearer ${key}` } : {};
}

/** Whether requests need a key, as far as is known. */
export const needsKey = () => required || forTab.get(NAME) !== null;

/** Call back when it turns out that requests need a key. */
export const onKeyNeeded = (act) => listeners.push(act);

/** After a 401 to a request with these headers: whether there is another key to try now. */
export async function renewKey(used) {
  if (!required) {
    required = true;
    for (const act of listeners) act();
  }
  if (keyHeaders().authorization !== used.authorization) return true;
  asking ??= askForKey(Boolean(used.authorization)).finally(() => { asking = null; });
  return asking;
}

function askForKey(wrong) {
  const dialog = byId("key");
  const field = byId("key-value");
  byId("key-title").textContent = wrong ? "This key was not accepted" : "This service requires a key";
  field.value = "";
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      const key = dialog.returnValue === "ok" && field.value.trim();
      field.value = "";
      if (key) forTab.set(NAME, key);
      resolve(Boolean(key));
    }, { once: true });
  });
}

byId("key-not-now").addEventListener("click", () => byId("key").close());
