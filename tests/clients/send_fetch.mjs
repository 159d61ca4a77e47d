// URL FIELD FILE…: a form by Node's own fetch; prints the body, then the status.
import { readFile } from "node:fs/promises";
import { basename } from "node:path";

const [url, field, ...paths] = process.argv.slice(2);
const form = new FormData();
for (const path of paths) form.append(field, new Blob([await readFile(path)]), basename(path));
const answer = await fetch(url, { method: "POST", body: form });
console.log(`${await answer.text()}\n${answer.status}`);
