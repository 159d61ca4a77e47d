// The texts of failed requests and photos: what happened, and what the user can do. For an error
// that is not in this table the page shows the service's own text.

import { bytes } from "./format.js";

const LASTS = "If this lasts, tell the operator of the service.";
const OFTEN = "If it fails again, tell the operator of the service.";

/** By slug: title and text. Without a text the service's own is best. */
export const TEXTS = {
  unreachable: ["The service does not answer", "It may be starting or stopped, or the connection is down. Check the connection, then try again."],
  gateway: ["The service is not available", `It may be restarting. ${LASTS}`],
  proxy_refused: ["The upload was refused"],
  proxy_too_large: ["The file is too large"],
  upload_cut_off: ["The upload does not get through"],
  file_changed: ["The file has changed", "It was changed, moved or deleted after you chose it. Choose it again."],
  broker_unavailable: ["Service temporarily unavailable", `A part of the service does not respond. It may be restarting. ${LASTS}`],
  queue_full: ["Many photos are waiting", "The service has as much work as it can hold. Photos are accepted again as soon as some of it is done."],
  no_workers: ["No worker is running", `The part of the service that classifies photos is starting or stopped. ${LASTS}`],
  owner_queue_full: ["Many of your photos are waiting", "Photos are accepted again as soon as some of yours are done."],
  too_many_connections: ["Too many visitors", "The service cannot accept another connection now. Close other tabs of this page, if you have any."],
  request_timeout: ["The upload took too long", "The connection is slow or was interrupted. Try again, or send fewer photos at a time."],
  upload_too_large: ["The file is too large", largest],
  unsupported_media_type: ["Not a JPEG or PNG", "Open the file in an image program, save it as JPEG or PNG, and send that."],
  invalid_image: ["Cannot be read"],
  malformed_request: ["The upload arrived damaged", "Send it again."],
  invalid_parameter: ["The service does not support this"],
  unauthorized: ["An API key is required", "Try again and enter the key that you got from the operator of the service."],
  job_not_found: ["These results are no longer available", "Results are kept for a limited time. Check that the link is complete, or start over and send the photos again."],
  job_cancelled: ["Cancelled", "The batch was cancelled before this photo was classified."],
  idempotency_conflict: ["This upload conflicts with an earlier one", "Reload the page and send the photos again."],
  worker_lost: ["The service failed at this photo", "Send it again. If that fails too, open it in an image program, save it as JPEG, and send that."],
  item_timeout: ["This photo took too long", "Send it again, or a smaller copy of it."],
  upload_lost: ["The service lost the photo", "Send it again."],
  inference_failed: ["The model failed on this photo", `Send it again. ${OFTEN}`],
  internal_error: ["The service failed", `Your photo is not the cause. Send it again. ${OFTEN}`],
};

const SMALLER = "Make a smaller copy in an image program, and send that.";

function largest(detail) {
  const [, most] = /at most (\d+) bytes/.exec(detail) ?? [];
  return `${most ? `The limit is ${Math.floor(most / 1e6)} MB. ` : ""}${SMALLER}`;
}

const ofSize = (size) => (size ? ` of ${bytes(size)}` : "");

export const tooLargeForProxy = (size) => `A server in front of the service refuses uploads${ofSize(size)}. ${SMALLER}`;
export const cutOff = (size) => `The service is available, but an upload${ofSize(size)} is cut off every time. ${SMALLER}`;
export const proxyStatus = (status) => `A server in front of the service refused the request with status ${status}. ${LASTS}`;
