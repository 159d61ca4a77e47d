// Helpers for the document. Text is set as text, never as markup.

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

/** Make an element like another one, changing only what differs: focus and selection stay. */
export function renew(element, other) {
  const children = [...other.childNodes];
  children.forEach((child, at) => {
    const now = element.childNodes[at];
    if (!now) element.append(child);
    else if (now.nodeName !== child.nodeName) now.replaceWith(child);
    else if (now.nodeType !== Node.TEXT_NODE) renew(now, child);
    else if (now.data !== child.data) now.data = child.data;
  });
  while (element.childNodes.length > children.length) element.lastChild.remove();
}

/** Disable a button without taking the focus from it; its click handler checks isOff. */
export const setOff = (button, off) => button.setAttribute("aria-disabled", off);
export const isOff = (button) => button.getAttribute("aria-disabled") === "true";

/** Announce a text to screen readers. */
export const say = (text) => setText(byId("say"), text);

/** At most one call per frame, and none while the tab is hidden. */
export function perFrame(draw) {
  let frame = 0;
  return () => { frame ||= requestAnimationFrame(() => { frame = 0; draw(); }); };
}
