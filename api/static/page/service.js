// Calls to the api. Every failure is a Problem: what is wrong and what to do, in the api's words.

import { keyHeaders, renewKey } from "./key.js";

const UNREACHABLE = {
  type: "unreachable",
  title: "The service does not answer",
  detail: "It may be starting or stopped, or the connection is down. Start it or check the connection, then try again.",
};
// Refused at the door, so that the same request may come again.
const AT_THE_DOOR = new Set(["broker_unavailable", "queue_full", "no_workers"]);

export class Problem extends Error {
  constructor({ type = "about:blank", title = "That did not work", detail = "", status = 0 }, retryAfterS = 0) {
    super(detail);
    this.slug = type.split("/").pop();
    this.title = title;
    this.detail = detail;
    this.status = status;
    this.retryAfterS = retryAfterS;
  }

  get reached() { return this.slug !== UNREACHABLE.type; }

  /** Worth the same request again, after retryAfterS: nobody's photo is at fault. */
  get passes() { return AT_THE_DOOR.has(this.slug); }

  /** Whether the same photo may fare better another time: it is not the photo that is wrong. */
  get mayPass() { return !this.status || this.status >= 500 || this.status === 401; }

  /** Of the failure of anything that is no Problem yet; null for an abort. */
  static of(error) {
    if (error instanceof Problem) return error;
    if (error?.name === "AbortError") return null;
    console.warn(error);
    return new Problem({ title: "The page failed", detail: `Load it anew and try again. (${error})` });
  }
}

async function problemOf(response) {
  const after = Number(response.headers.get("retry-after")) || 0;
  const body = await response.json().catch(() => null);
  return new Problem(body ?? { title: `Status ${response.status}`, detail: "The answer was not the service's own. Try again." }, after);
}

async function answered(send, { quiet = false } = {}) {
  for (;;) {
    const key = keyHeaders();
    let response;
    try {
      response = await send(key);
    } catch (error) {
      throw error.name === "AbortError" ? error : new Problem(UNREACHABLE);
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

export const read = async (path, options) => (await ask(path, options)).json();

/** A POST that tells how many bytes have gone, which fetch cannot. */
export function upload(path, form, { headers = {}, signal, onSent }) {
  return answered((key) => new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const request = new XMLHttpRequest();
    const stop = () => request.abort();
    request.open("POST", path);
    for (const [name, value] of Object.entries({ ...headers, ...key })) request.setRequestHeader(name, value);
    request.upload.addEventListener("progress", (event) => onSent(event.loaded / event.total));
    request.addEventListener("load", () => resolve(new Response(request.response, {
      status: request.status,
      headers: request.getAllResponseHeaders().trim().split(/\r?\n/).map((line) => line.split(/:\s*(.*)/s, 2)),
    })));
    request.addEventListener("error", () => reject(new TypeError("network")));
    request.addEventListener("abort", () => reject(signal.reason));
    request.addEventListener("loadend", () => signal.removeEventListener("abort", stop));
    signal.addEventListener("abort", stop);
    request.send(form);
  }));
}
