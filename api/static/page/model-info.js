// What the page knows about the model.

import { read } from "./api-client.js";

let explaining = false;
let card = null;
const listeners = [];

/** Whether every worker can return heat maps, as their reports say. */
export const explains = () => explaining;

export function learn({ workers }) {
  const working = workers.filter(({ status }) => status === "idle" || status === "busy");
  const before = explaining;
  explaining = working.length > 0 && working.every((worker) => worker.explains);
  if (explaining && !before) for (const act of listeners) act();
}

/** Call back whenever heat maps become available. */
export const onExplains = (act) => listeners.push(act);

/** How the model's input is cut from a photo, in words such as "resize 256, centre crop 224". */
export async function transform() {
  card ??= await read("model");
  return card.transform;
}
