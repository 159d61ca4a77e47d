// Requests to the API. Every failure is a Problem: what is wrong and what to do.

import { onAbort, throwIfAborted, timeout } from "./abort.js";
import { address } from "./addresses.js";
import { keyHeaders, renewKey } from "./api-key.js";
import { Problem } from "./problem.js";

const ALIVE_WITHIN_MS = 5000;
// Anything else counts as absent. A timer of more than 24 days would fire at once.
const SECONDS = /^\d{1,6}$/;

async function problemOf(response) {
  const retryAfter = response.headers.get("retry-after");
  const retryAfterS = SECONDS.test(retryAfter) ? Number(retryAfter) : 0;
  const { status } = response;
  const body = await response.json().catch(() => null);
  if (body?.type && body.status) return new Problem(body, retryAfterS);
  return Problem.ofProxy(status, retryAfterS);
}

// An AbortError passes; fetch, and a body that is cut off or incomplete, throw others.
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
    if (response.status !== 401 || quiet || !(await renewKey(key))) throw problem;
  }
}

/** Send a request with fetch. A quiet one does not ask the user for a key. */
export function ask(path, { headers = {}, quiet, ...options } = {}) {
  return answered((key) => fetch(address(path), { ...options, headers: { ...headers, ...key } }), { quiet });
}

/** The JSON value in a response, complete. */
export async function record(response) {
  try {
    return await response.json();
  } catch (error) {
    throw lost(error);
  }
}

export const read = async (path, options) => record(await ask(path, options));

/** Whether the API itself can be reached at this moment. */
export async function alive() {
  try {
    return (await fetch(address("health/live"), { cache: "no-store", signal: timeout(ALIVE_WITHIN_MS) })).ok;
  } catch {
    return false;
  }
}

/**
 * POST a form and report how many bytes are sent, which fetch cannot. Once the last byte is sent
 * the service may have accepted it, so from then on the signal does not stop the request: its
 * response says what happened.
 */
export function post(path, form, { headers = {}, signal, onSent }) {
  return answered((key) => new Promise((resolve, reject) => {
    throwIfAborted(signal);
    const request = new XMLHttpRequest();
    const commit = onAbort(signal, (reason) => { request.abort(); reject(reason); });
    request.open("POST", address(path));
    for (const [name, value] of Object.entries({ ...headers, ...key })) request.setRequestHeader(name, value);
    request.upload.addEventListener("progress", (event) => onSent(event.loaded / event.total));
    request.upload.addEventListener("load", commit);
    request.addEventListener("load", () => resolve(responseOf(request)));
    request.addEventListener("error", () => reject(new TypeError("network")));
    request.addEventListener("loadend", commit);
    request.send(form);
  }));
}

function responseOf(request) {
  const headers = request.getAllResponseHeaders().trim().split(/\r?\n/).map((line) => line.split(/:\s*(.*)/s, 2));
  return new Response(request.response, { status: request.status, headers });
}
