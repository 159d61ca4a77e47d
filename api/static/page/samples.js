// Photos to try the service with, for visitors who have none at hand.

import { address } from "./addresses.js";
import { byId, say } from "./dom.js";
import { Problem } from "./problem.js";

const addresses = new WeakMap(); // file of a sample → where it comes from

/** Where a file comes from that is a sample; undefined for others. */
export const addressOfSample = (file) => addresses.get(file);

/** Call back with a sample's file when it is chosen. */
export function onSample(take) {
  for (const button of byId("samples").querySelectorAll("button")) {
    button.addEventListener("click", async () => {
      try {
        take(await load(button.dataset.file));
      } catch {
        const { title, detail } = Problem.unreachable();
        say(`${title}. ${detail}`);
      }
    });
  }
}

async function load(name) {
  const from = address(`static/samples/${name}`);
  const response = await fetch(from);
  if (!response.ok) throw new Error(response.status);
  const file = new File([await response.blob()], name, { type: "image/jpeg" });
  addresses.set(file, from);
  return file;
}
