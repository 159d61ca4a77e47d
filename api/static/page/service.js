// Calls to the api. Every failure is a Problem: what is wrong and what to do.

import { keyHeaders, renewKey } from "./key.js";
import { Problem } from "./problems.js";

async function problemOf(response) {
  const after = Number(response.headers.get("retry-after")) || 0;
  const { status } = response;
  const body = await response.json().catch(() => null);
  if (body?.type && body.status) return new Problem(body, after);
  if (status >= 500 || status === 429) return new Problem({ type: "gateway", title: `Status ${status}`, status }, after);
  return new Problem({ title: `Status ${status}`, detail: "The answer was not the service's own. Try again.", status }, after);
}

// An AbortError passes; fetch and a body that breaks off or is not whole throw others.
const lost = (error) => (error.name === "AbortError" ? error : Problem.unreachable());

async function answered(send, { quiet = false } = {}) {
  for (;;) {
    const key = keyHeaders();
    let response;
    try {
      response = await send(key);
    } catch (error) {
      throw lost(error);
    }
    if (response.ok) return response;
    const problem = await problemOf(response);
    if (response.status !== 401 || quiet || !(await renewKey(key, problem.detail))) throw problem;
  }
}

/** A request by fetch; quiet ones do not ask for a key. */
export function ask(path, { headers = {}, quiet, ...options } = {}) {
  return answered((key) => fetch(path, { ...options, headers: { ...headers, ...key } }), { quiet });
}

/** The record in an answer, all of it. */
export async function record(response) {
  try {
    return await response.json();
  } catch (error) {
    throw lost(error);
  }
}

export const read = async (path, options) => record(await ask(path, options));

/**
 * A POST that tells how many bytes have gone, which fetch cannot. What has gone to the last byte
 * may have been taken in, so that from there on no signal stops it: its answer says what became.
 */
export function upload(path, form, { headers = {}, signal, onSent }) {
  return answered((key) => new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const request = new XMLHttpRequest();
    const stop = () => request.abort();
    const commit = () => signal.removeEventListener("abort", stop);
    request.open("POST", path);
    for (const [name, value] of Object.entries({ ...headers, ...key })) request.setRequestHeader(name, value);
    request.upload.addEventListener("progress", (event) => onSent(event.loaded / event.total));
    request.upload.addEventListener("load", commit);
    request.addEventListener("load", () => resolve(new Response(request.response, {
      status: request.status,
      headers: request.getAllResponseHeaders().trim().split(/\r?\n/).map((line) => line.split(/:\s*(.*)/s, 2)),
    })));
    request.addEventListener("error", () => reject(new TypeError("network")));
    request.addEventListener("abort", () => reject(signal.reason));
    request.addEventListener("loadend", commit);
    signal.addEventListener("abort", stop);
    request.send(form);
  }));
}
