// The results of a batch as one file, in the forms of /jobs/{id}/results: as far as they are known
// here, with every photo of the batch, in whatever jobs it travelled or did not.

import { make } from "./dom.js";

const WRITERS = { csv: asCsv, json: asJson };
const TYPES = { csv: "text/csv", json: "application/json" };
// What makes a spreadsheet take a cell for a formula; the service guards its own likewise.
const FORMULA = /^[=+\-@\t\r\n＝＋－＠]/;

/** Save the results of a batch. */
export function download({ items, jobs }, format) {
  save(new Blob([WRITERS[format](items, jobs)], { type: TYPES[format] }), `results.${format}`);
}

function asJson(items, jobs) {
  const rows = items.map(({ index, name, status, predictions, model, timing_ms, error }) => (
    { index, filename: name, status, predictions, model, timing_ms, error: error?.said }));
  return JSON.stringify({ jobs, items: rows });
}

function asCsv(items) {
  const width = Math.max(1, ...items.map(({ predictions }) => predictions?.length ?? 0));
  const columns = Array.from({ length: width }, (_, at) => ["label", "class_index", "confidence"].map((name) => `${name}_${at + 1}`));
  const rows = items.map(({ index, name, status, predictions = [], error }) => {
    const classes = predictions.flatMap(({ label, class_index: number, confidence }) => [safe(label), number, confidence]);
    const blank = Array(3 * (width - predictions.length)).fill("");
    return [index, safe(name), status, ...classes, ...blank, error?.slug ?? "", safe(error?.said.detail ?? "")];
  });
  const header = ["index", "filename", "status", ...columns.flat(), "error", "detail"];
  return [header, ...rows].map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}

const safe = (text) => (FORMULA.test(text) ? `'${text}` : text);

function cell(value) {
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function save(blob, name) {
  const url = URL.createObjectURL(blob);
  make("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
