// The API key, where the service asks for one: kept only for this tab.

import { byId } from "./dom.js";

const PLACE = "api-key";
let asking = null;

/** What a request carries. */
export function keyHeaders() {
  const key = sessionStorage.getItem(PLACE);
  return key ? { authorization: `Bearer ${key}` } : {};
}

export const hasKey = () => sessionStorage.getItem(PLACE) !== null;

/** After a 401 to a request with these headers: whether there is another key to try now. */
export async function renewKey(used) {
  if (keyHeaders().authorization !== used.authorization) return true;
  asking ??= askForKey(Boolean(used.authorization)).finally(() => { asking = null; });
  return asking;
}

function askForKey(wrong) {
  const dialog = byId("key");
  const field = byId("key-value");
  byId("key-title").textContent = wrong ? "This key was not accepted" : "This service asks for a key";
  field.value = "";
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      const given = dialog.returnValue === "ok" && field.value.trim();
      field.value = "";
      if (given) sessionStorage.setItem(PLACE, given);
      resolve(Boolean(given));
    }, { once: true });
  });
}

byId("key-not-now").addEventListener("click", () => byId("key").close());
