// URL FIELD FILE…: a form by request() of the package undici, or without FIELD the file as it is
// read from disk; prints the body, then the status.
import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename } from "node:path";

const { FormData, request } = createRequire(`${process.env.NODE_PACKAGES}/`)("undici");
const [url, field, ...paths] = process.argv.slice(2);
const form = new FormData();
for (const path of paths) form.append(field, new Blob([await readFile(path)]), basename(path));
const body = field ? form : createReadStream(paths[0]);
const answer = await request(url, { method: "POST", body });
console.log(`${await answer.body.text()}\n${answer.statusCode}`);
