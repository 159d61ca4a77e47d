// Uploads of photos. A network error has several causes: the service is away, a file has changed
// since it was chosen, a proxy hangs up on large bodies. Only the first one passes by itself.

import { alive, ask, post } from "./api-client.js";
import { Problem } from "./problem.js";

// So often an upload may be cut off, although the service is there, before it is given up.
const CUTS_MOST = 6;

/**
 * Make a function that uploads photos once, to be called again after a failure that may pass.
 *
 * Items are {file, name}. With `onSent`, it receives the share that is sent, 0 to 1.
 * The function throws a Problem; one of `changed` names the items whose files cannot be read.
 */
export function uploader(path, field, items, { cutsMost = CUTS_MOST, ...options }) {
  let cuts = 0;
  return async () => {
    await checkFiles(items); // browsers themselves notice a change within the same second only here
    const form = new FormData();
    for (const { file, name } of items) form.append(field, file, name);
    try {
      return await (options.onSent ? post(path, form, options) : ask(path, { method: "POST", body: form, ...options }));
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      if (!error.reached) await checkFiles(items);
      if (error.slug === "proxy_too_large") throw Problem.tooLargeForProxy(sizeOf(items));
      if (error.onTheWay && (await alive()) && (cuts += 1) >= cutsMost) throw Problem.cutOff(sizeOf(items));
      throw error;
    }
  };
}

export const sizeOf = (items) => items.reduce((sum, { file }) => sum + file.size, 0);

async function checkFiles(items) {
  const readable = await Promise.all(items.map(({ file }) => file.slice(0, 1).arrayBuffer().then(() => true, () => false)));
  const changed = items.filter((_, at) => !readable[at]);
  if (changed.length) throw Problem.fileChanged(changed);
}
