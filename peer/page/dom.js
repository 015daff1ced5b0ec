// Making elements. Text of others only ever becomes text.

const SVG = "http://www.w3.org/2000/svg";

/** The element of an id. */
export const byId = (id) => document.getElementById(id);

/** An element with properties and children; children that are nothing are left out. */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  const { dataset, ...others } = properties;
  Object.assign(made, others);
  Object.assign(made.dataset, dataset);
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== ""));
  return made;
}

/** Sets a text that is not so already: writing the same again costs a layout, and screen readers say it again. */
export function say(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

/** Makes the children of a list those of `wanted`, in that order, moving as few as possible: what moves loses its place. */
export function arrange(list, wanted) {
  const keep = new Set(wanted);
  for (const child of [...list.children]) if (!keep.has(child)) child.remove();
  let next = list.firstElementChild;
  for (const child of wanted) {
    // Somebody who goes down lets the others stay.
    if (next !== null && next !== child && next.nextElementSibling === child) {
      const down = next;
      next = child;
      list.append(down);
    }
    if (child === next) next = next.nextElementSibling;
    else list.insertBefore(child, next);
  }
}

/** Copies a text; gives whether that worked. Without TLS and away from this machine, browsers know only the old way. */
export async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text).then(() => true, () => false);
  const before = document.activeElement;
  const field = element("textarea", { value: text, className: "unseen" });
  (document.querySelector("dialog[open]") ?? document.body).append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  before?.focus();
  return done;
}

/** A QR code from its rows of 0 and 1, with the margin of four modules that readers need. */
export function drawCode(svg, rows) {
  const size = rows.length + 8;
  svg.setAttribute("viewBox", `0 0 ${size} ${size}`);
  const path = document.createElementNS(SVG, "path");
  const dark = rows.flatMap((row, y) => [...row].map((module, x) => (module === "1" ? `M${x + 4} ${y + 4}h1v1h-1z` : "")));
  path.setAttribute("d", dark.join(""));
  svg.replaceChildren(path);
}

/** Calls `work` at most once per `wait` milliseconds, the last time always. */
export function spaced(wait, work) {
  let timer = null;
  let last = -Infinity;
  return () => {
    if (timer !== null) return;
    const left = Math.max(0, last + wait - performance.now());
    timer = setTimeout(() => {
      timer = null;
      last = performance.now();
      work();
    }, left);
  };
}

/** Opens a dialog whose buttons with `data-close` end it. */
export function open(dialog) {
  if (!dialog.dataset.ready) {
    dialog.dataset.ready = "yes";
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog || event.target.closest("[data-close]")) dialog.close();
    });
  }
  if (!dialog.open) dialog.showModal();
}
