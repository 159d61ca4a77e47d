// What can go wrong, in words for people and with what they can do. Of what is not in this table
// the service's own words are shown.

const LASTS = "If it lasts, tell whoever runs the service.";
const OFTEN = "If it fails again, tell whoever runs the service.";

/** Title and sentence; where there is only a title, the service's sentence says it best. */
const WORDS = {
  unreachable: ["The service does not answer", "It may be starting or stopped, or the connection is down. Check the connection, then try again."],
  gateway: ["The service is not there just now", `It may be starting anew. ${LASTS}`],
  broker_unavailable: ["Photos cannot be taken in just now", `A part of the service does not answer; it may be starting anew. ${LASTS}`],
  queue_full: ["Many photos are waiting", "The service has all the work that it can hold. There is room again as soon as some of it is done."],
  no_workers: ["No worker is running", `The part of the service that looks at photos is starting or stopped. ${LASTS}`],
  too_many_connections: ["Too many visitors", "The service cannot take in one more just now. Close its other tabs, if you have any."],
  request_timeout: ["The upload took too long", "The connection is slow or broke off. Send it again, or fewer photos at a time."],
  upload_too_large: ["The file is too large", largest],
  unsupported_media_type: ["Not a JPEG or PNG", "Open the file in an image program, save it as JPEG or PNG, and send that."],
  invalid_image: ["Cannot be read"],
  malformed_request: ["The upload arrived damaged", "Send it again."],
  invalid_parameter: ["The service cannot do that"],
  unauthorized: ["A key is needed", "Try again and enter the key that the service’s owner gave you."],
  job_not_found: ["These results are not here any more", "Results are kept for a limited time. Check that the link is whole, or start over and send the photos again."],
  job_cancelled: ["Cancelled", "The batch was cancelled before this photo was classified."],
  idempotency_conflict: ["The service takes this for another upload", "Load the page anew and send the photos again."],
  worker_lost: ["The service broke off at this photo", "Send it again. If that fails too, open it in an image program, save it as JPEG, and send that."],
  item_timeout: ["This photo took too long", "Send it again, or a smaller copy of it."],
  upload_lost: ["The photo got lost in the service", "Send it again."],
  inference_failed: ["The model failed on this photo", `Send it again. ${OFTEN}`],
  internal_error: ["The service failed", `Your photo is not at fault. Send it again. ${OFTEN}`],
};

function largest(said) {
  const [, bytes] = /at most (\d+) bytes/.exec(said) ?? [];
  return `${bytes ? `It may have ${Math.floor(bytes / 1e6)} MB at most. ` : ""}Make a smaller copy in an image program, and send that.`;
}

// Answers of a service that is busy, or of a proxy before one that is away.
const BUSY = new Set([429, 502, 503, 504]);

export class Problem extends Error {
  constructor({ type = "about:blank", title = "That did not work", detail = "", status = 0, job_id: job }, retryAfterS = 0) {
    super(detail);
    this.slug = type.split("/").pop();
    const [ownTitle, own = detail] = WORDS[this.slug] ?? [];
    this.title = ownTitle ?? title;
    this.detail = own instanceof Function ? own(detail) : own;
    this.status = status;
    this.job = job; // set when it is how a photo ended, not a refusal at the door
    this.retryAfterS = retryAfterS;
    this.said = { type, title, status, detail };
  }

  static unreachable() {
    const [title, detail] = WORDS.unreachable;
    return new Problem({ type: "unreachable", title, detail });
  }

  /** Of a photo whose job the service took in: a photo that ends workers is not sent by itself. */
  static ofItem(error) { return new Problem({ ...error, job_id: true }); }

  get reached() { return this.slug !== "unreachable"; }

  /** Worth the same request again, after retryAfterS: nobody's photo is at fault. */
  get passes() { return BUSY.has(this.status) && !this.job; }

  /** Whether the same photo may fare better another time: it is not the photo that is wrong. */
  get mayPass() { return !this.status || this.status >= 500 || this.status === 401 || this.status === 408; }

  /** Of the failure of anything that is no Problem yet; null for an abort. */
  static of(error) {
    if (error instanceof Problem) return error;
    if (error?.name === "AbortError") return null;
    console.warn(error);
    return new Problem({ title: "The page failed", detail: `Load it anew and try again. (${error})` });
  }
}
