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

/** An element of a picture with attributes. */
export function shape(tag, attributes = {}) {
  const made = document.createElementNS(SVG, tag);
  setAll(made, attributes);
  return made;
}

/** Sets attributes that are not so already: writing the same again costs a layout. */
export function setAll(target, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    const text = String(value);
    if (target.getAttribute(name) !== text) target.setAttribute(name, text);
  }
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
