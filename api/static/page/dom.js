// Small helpers over the document. Text goes in as text, never as markup.

export const byId = (id) => document.getElementById(id);

/** An element with properties, or attributes where it has no such property. */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in element) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

/** Change a text only when it differs, so that nothing is announced or painted twice. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Make an element like a fresh one, touching only what differs: focus and selection stay. */
export function renew(element, fresh) {
  const children = [...fresh.childNodes];
  children.forEach((child, at) => {
    const now = element.childNodes[at];
    if (!now) element.append(child);
    else if (now.nodeName !== child.nodeName) now.replaceWith(child);
    else if (now.nodeType !== Node.TEXT_NODE) renew(now, child);
    else if (now.data !== child.data) now.data = child.data;
  });
  while (element.childNodes.length > children.length) element.lastChild.remove();
}

/** Switch a button off without taking the focus from it; whoever listens asks isOff. */
export const setOff = (button, off) => button.setAttribute("aria-disabled", off);
export const isOff = (button) => button.getAttribute("aria-disabled") === "true";

/** Tell those who do not see the page. */
export const say = (text) => setText(byId("say"), text);

/** Wait; an aborted signal ends the wait with an AbortError. */
export function pause(ms, signal) {
  return new Promise((resume, reject) => {
    signal?.throwIfAborted();
    const stop = () => { clearTimeout(timer); reject(signal.reason); };
    const timer = setTimeout(() => { signal?.removeEventListener("abort", stop); resume(); }, ms);
    signal?.addEventListener("abort", stop, { once: true });
  });
}

/** At most one call per frame, and none while the tab is hidden. */
export function perFrame(draw) {
  let asked = 0;
  return () => { asked ||= requestAnimationFrame(() => { asked = 0; draw(); }); };
}
