// The results of a batch as one file, as far as they are known here: every photo of the batch,
// whatever job it was sent in, and every file that was left out.

import { address } from "./addresses.js";
import { make } from "./dom.js";

const WRITERS = { csv: asCsv, json: asJson };
const TYPES = { csv: "text/csv;charset=utf-8", json: "application/json" };
// What makes a spreadsheet run a cell as a formula; the service protects its own CSV in the same way.
const FORMULA = /^[=+\-@\t\r\n＝＋－＠]/;
const CONCEPT_COLUMNS = ["concept", "concept_wnid", "concept_confidence"];
const CLASS_COLUMNS = ["label", "wnid", "class_index", "confidence"];
const noConcept = CONCEPT_COLUMNS.map(() => "");
// Without it a spreadsheet reads UTF-8 in the old encoding of the machine's language.
const BYTE_ORDER_MARK = "\uFEFF";

/** Save the results of a batch as "csv" or "json". */
export function download(batch, format) {
  save(new Blob([WRITERS[format](batch)], { type: TYPES[format] }), `results.${format}`);
}

function asJson({ items, jobs, leftOut }) {
  const rows = items.map(({ index, name, status, concept, predictions, model, timing_ms, error }) => (
    { index, filename: name, status, concept, predictions, model, timing_ms, error: error?.said }));
  return JSON.stringify({ jobs: jobs.map(address), items: rows, left_out: leftOut });
}

function asCsv({ items, leftOut }) {
  const width = Math.max(1, ...items.map(({ predictions }) => predictions?.length ?? 0));
  const columns = Array.from({ length: width }, (_, at) => CLASS_COLUMNS.map((name) => `${name}_${at + 1}`));
  const blank = (number) => Array(CLASS_COLUMNS.length * number).fill("");
  const rows = items.map(({ index, path, status, concept, predictions = [], error }) => {
    const above = concept ? [concept.label, concept.wnid, concept.confidence] : noConcept;
    const classes = predictions.flatMap(({ label, wnid = "", class_index: number, confidence }) => [safe(label), wnid, number, confidence]);
    return [index, safe(path), status, ...above, ...classes, ...blank(width - predictions.length), error?.slug ?? "", safe(error?.said.detail ?? "")];
  });
  const others = leftOut.map(({ path, reason }) => ["", safe(path), "left_out", ...noConcept, ...blank(width), "", reason]);
  const header = ["index", "path", "status", ...CONCEPT_COLUMNS, ...columns.flat(), "error", "detail"];
  return BYTE_ORDER_MARK + [header, ...rows, ...others].map((row) => `${row.map(cell).join(",")}\r\n`).join("");
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
