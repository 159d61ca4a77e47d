// What is known of the model that answers.

import { read } from "./service.js";

let explaining = false;
let card = null;

/** Whether it can say why, as its workers report. */
export const explains = () => explaining;

export function learn({ workers }) {
  const working = workers.filter(({ status }) => status === "idle" || status === "busy");
  explaining = working.length > 0 && working.every((worker) => worker.explains);
}

/** How it sees a photo, in words such as "resize 256, centre crop 224". */
export async function transform() {
  card ??= await read("/model");
  return card.transform;
}
