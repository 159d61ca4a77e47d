// What is known of the model that answers.

import { read } from "./service.js";

let explaining = false;
let card = null;
const learners = [];

/** Whether it can say why, as its workers report. */
export const explains = () => explaining;

export function learn({ workers }) {
  const working = workers.filter(({ status }) => status === "idle" || status === "busy");
  const before = explaining;
  explaining = working.length > 0 && working.every((worker) => worker.explains);
  if (explaining && !before) for (const tell of learners) tell();
}

/** Call back whenever it turns out that it can say why. */
export const onExplains = (tell) => learners.push(tell);

/** How it sees a photo, in words such as "resize 256, centre crop 224". */
export async function transform() {
  card ??= await read("/model");
  return card.transform;
}
