"use strict";

const byId = (id) => document.getElementById(id);
const [drop, file, preview, message, answer, notice] =
  ["drop", "file", "preview", "message", "answer", "notice"].map(byId);
let latest = 0;

function say(text, wrong = false) {
  message.textContent = text;
  message.classList.toggle("wrong", wrong);
}

function row(prediction) {
  const item = document.createElement("li");
  const label = document.createElement("span");
  const percent = document.createElement("span");
  const bar = document.createElement("progress");
  label.textContent = prediction.label;
  percent.textContent = `${(prediction.confidence * 100).toFixed(1)} %`;
  bar.value = prediction.confidence;
  item.append(label, percent, bar);
  return item;
}

async function poll(path) {
  for (;;) {
    await new Promise((resume) => setTimeout(resume, 1000));
    const job = await (await fetch(path)).json();
    if (!job.items) throw new Error(job.detail);
    if (job.finished_at) return job.items[0].error ?? job.items[0];
  }
}

async function ask(photo) {
  const form = new FormData();
  form.append("file", photo);
  const response = await fetch("/predict", { method: "POST", body: form });
  const body = await response.json();
  return response.status === 202 ? poll(response.headers.get("Location")) : body;
}

async function classify(photo) {
  const mine = ++latest;
  URL.revokeObjectURL(preview.src);
  preview.src = URL.createObjectURL(photo);
  preview.hidden = false;
  answer.replaceChildren();
  say("Looking…");
  try {
    const body = await ask(photo);
    if (mine !== latest) return;
    if (!body.predictions) return say(body.detail ?? "The photo was not classified.", true);
    answer.replaceChildren(...body.predictions.map(row));
    say(body.timing_ms ? `${Math.round(body.timing_ms.total)} ms` : "");
  } catch {
    if (mine === latest) say("The service does not answer. Try again.", true);
  }
}

file.addEventListener("change", () => file.files[0] && classify(file.files[0]));
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  drop.classList.add("over");
});
document.addEventListener("dragleave", () => drop.classList.remove("over"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  const photo = event.dataTransfer.files[0];
  if (photo) classify(photo);
});

fetch("/model").then((response) => response.json()).then((model) => {
  notice.textContent = model.notice ?? "";
  notice.hidden = !model.notice;
}).catch(() => {});
