// One photo, large. Its object URL lives as long as the photo is shown.

import { make } from "./dom.js";

/** Show a file in a frame; null clears the frame and shows the text `empty`. */
export function showPhoto(frame, file, empty = "No preview") {
  forget(frame);
  frame.dataset.state = "empty";
  if (!file) return frame.replaceChildren(make("span", { className: "photo-empty unseen" }, empty));
  const url = URL.createObjectURL(file);
  const image = make("img", { src: url, alt: file.name || "Your photo", decoding: "async" });
  frame.dataset.url = url;
  frame.dataset.state = "photo";
  image.addEventListener("error", () => {
    if (frame.dataset.url === url) showPhoto(frame, null, `${file.name || "This file"} cannot be shown here.`);
  });
  frame.replaceChildren(image);
}

function forget(frame) {
  if (frame.dataset.url) URL.revokeObjectURL(frame.dataset.url);
  delete frame.dataset.url;
}
