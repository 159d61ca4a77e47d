// Small previews, a few at a time: each photo is decoded once, scaled down and released.

const SIDE = 320; // pixels: two for each of the tile's
const AT_A_TIME = 2;

const waiting = new Map(); // canvas → file; they are drawn in the order of insertion
const files = new WeakMap();
let running = 0;

const nearby = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (!isIntersecting) continue;
    nearby.unobserve(target);
    waiting.set(target, files.get(target));
    pump();
  }
}, { rootMargin: "200px" });

/** A square canvas that draws its photo once it comes near the window. */
export function thumbnail(file) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 1;
  canvas.setAttribute("aria-hidden", "true");
  if (!file) { canvas.dataset.state = "none"; return canvas; }
  files.set(canvas, file);
  nearby.observe(canvas);
  return canvas;
}

async function pump() {
  if (running >= AT_A_TIME) return;
  const [next] = waiting;
  if (!next) return;
  const [canvas, file] = next;
  waiting.delete(canvas);
  if (!canvas.isConnected) return pump(); // another page of the grid by now
  running += 1;
  try {
    await draw(canvas, file);
  } catch {
    canvas.dataset.state = "none"; // not a photo, or one that this browser cannot read
  }
  running -= 1;
  pump();
}

async function draw(canvas, file) {
  const bitmap = await createImageBitmap(file, { resizeHeight: SIDE, resizeQuality: "medium" });
  const side = Math.min(bitmap.width, bitmap.height);
  canvas.width = canvas.height = SIDE;
  canvas.getContext("2d").drawImage(bitmap, (bitmap.width - side) / 2, (bitmap.height - side) / 2, side, side, 0, 0, SIDE, SIDE);
  bitmap.close();
  canvas.dataset.state = "drawn";
}
