// The results of a batch as one file, read from the service, however many jobs it travelled in.

import { make } from "./dom.js";
import { ask } from "./service.js";

const WRITERS = { csv: joinCsv, json: joinJson };

/** Read and save the results of these jobs; throws the Problem of one that cannot be read. */
export async function download(jobs, format) {
  const documents = [];
  for (const path of jobs) documents.push(await (await ask(`${path}/results?format=${format}`)).blob());
  save(await WRITERS[format](documents), `results.${format}`);
}

/** One header, then every row. */
async function joinCsv([first, ...others]) {
  const rows = await Promise.all(others.map(async (each) => {
    const text = await each.text();
    return text.slice(text.indexOf("\n") + 1);
  }));
  return new Blob([first, ...rows], { type: "text/csv" });
}

/** The job as the service writes it, or a list of such jobs. */
function joinJson(documents) {
  if (documents.length === 1) return documents[0];
  const between = documents.flatMap((each, at) => (at ? [",", each] : [each]));
  return new Blob(["[", ...between, "]"], { type: "application/json" });
}

function save(blob, name) {
  const url = URL.createObjectURL(blob);
  make("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
