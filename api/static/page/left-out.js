// Files that are not sent, each with the reason.

import { byId, make } from "./dom.js";
import { files } from "./format.js";

// the suffixes of what the service accepts, which the page's file picker lists
const SUFFIXES = { "image/jpeg": "jpe?g|jfif", "image/png": "png", "image/webp": "webp", "image/avif": "avif", "image/heic": "hei[cf]|hif" };
const PHOTO = new RegExp(`\\.(${byId("pick").accept.split(",").map((type) => SUFFIXES[type]).join("|")})$`, "i");
const HEIC = /\.(heic|heif|hif)$/i;
const PICTURE = /\.(webp|avif|gif|bmp|tiff?|jxl|svg|dng|cr[23]|nef|arw|orf|rw2|raf|psd)$/i;

const UNREADABLE = "The browser cannot read this file.";

/** Why a file of a folder is not sent; "" for a photo. */
export function reasonAgainst(name) {
  if (name.startsWith(".")) return "Hidden file.";
  if (PHOTO.test(name)) return "";
  if (HEIC.test(name)) return "HEIC photo. Convert it to JPEG; on an iPhone choose “Most Compatible” in Settings › Camera › Formats.";
  if (PICTURE.test(name)) return "Picture in another format. Convert it to JPEG or PNG.";
  return "Not a photo.";
}

export const unreadable = (path) => ({ path, reason: UNREADABLE });

/** List them in the page; an empty list hides it. */
export function showLeftOut(list) {
  const place = byId("alert");
  if (!list.length) return place.replaceChildren();
  const open = place.querySelector("details")?.open ?? false;
  const paths = new Map(); // reason → the files that share it
  for (const { path, reason } of list) {
    if (!paths.has(reason)) paths.set(reason, []);
    paths.get(reason).push(path);
  }
  const lines = [...paths].map(([reason, those]) => make("li", {}, make("b", {}, reason), make("p", {}, those.join("\n"))));
  place.replaceChildren(make("details", { className: "left-out", open },
    make("summary", {}, `Left out: ${files(list.length)}`), make("ul", { tabIndex: 0, "aria-label": "Files that were left out" }, ...lines)));
}
