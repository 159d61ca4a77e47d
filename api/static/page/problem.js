// A failure: what is wrong and what to do, and whether the same request may succeed later.

import { TEXTS, proxyStatus, tooLargeForProxy, cutOff } from "./error-texts.js";

// Responses of a service that is busy, or of a proxy whose service is away.
const BUSY = new Set([429, 502, 503, 504]);

export class Problem extends Error {
  changed = []; // items whose files cannot be read
  final = false; // nothing is gained by sending the same again

  constructor({ type = "about:blank", title, detail = "", status = 0, job_id: job }, retryAfterS = 0) {
    super(detail);
    this.slug = type.split("/").pop();
    const [ownTitle, own = detail] = TEXTS[this.slug] ?? [];
    this.title = ownTitle ?? title ?? "The request failed";
    this.detail = own instanceof Function ? own(detail) : own;
    this.status = status;
    this.job = job; // set for the outcome of a photo, as against the refusal of a request
    this.retryAfterS = retryAfterS;
    this.said = { type, title: title ?? this.title, status, detail: detail || this.detail };
  }

  static unreachable() { return new Problem({ type: "unreachable" }); }

  /** A response that is not the service's own. */
  static ofProxy(status, retryAfterS = 0) {
    if (status === 413) return Problem.#final({ type: "proxy_too_large", status, detail: tooLargeForProxy() });
    if (status >= 500 || status === 429) return new Problem({ type: "gateway", status }, retryAfterS);
    return new Problem({ type: "proxy_refused", status, detail: proxyStatus(status) }, retryAfterS);
  }

  static tooLargeForProxy(bytes) { return Problem.#final({ type: "proxy_too_large", status: 413, detail: tooLargeForProxy(bytes) }); }
  static cutOff(bytes) { return Problem.#final({ type: "upload_cut_off", detail: cutOff(bytes) }); }

  /** Files of these items were changed or removed after they were chosen. */
  static fileChanged(items) { return Object.assign(Problem.#final({ type: "file_changed" }), { changed: items }); }

  /** The outcome of a photo that the service accepted: it may end workers, so only the user sends it again. */
  static ofItem(error) { return new Problem({ ...error, job_id: true }); }

  static #final(fields) { return Object.assign(new Problem(fields), { final: true }); }

  get reached() { return this.slug !== "unreachable"; }

  /** The API did not send this response, or there was none. */
  get onTheWay() { return !this.reached || this.slug === "gateway"; }

  /** Too many bytes at once: fewer photos at a time may get through. */
  get tooMuch() { return this.status === 413 || this.slug === "upload_cut_off"; }

  /** Worth the same request again after retryAfterS seconds: no photo is at fault. */
  get passes() { return !this.final && !this.job && (!this.reached || BUSY.has(this.status)); }

  /** Whether the same photo may succeed another time: the photo itself is not wrong. */
  get mayPass() { return !this.changed.length && (!this.status || this.status >= 500 || this.status === 401 || this.status === 408); }

  /** The Problem in any failure; null for an abort. */
  static of(error) {
    if (error instanceof Problem) return error;
    if (error?.name === "AbortError") return null;
    console.warn(error);
    return new Problem({ title: "The page failed", detail: `Reload it and try again. (${error})` });
  }
}
