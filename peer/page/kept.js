// What the browser keeps over reloads. It may be full, or forbidden to: then things last as long as the page.

export const kept = (key) => attempt(() => localStorage.getItem(key)) ?? "";

/** All that is kept under a prefix. */
export function keptUnder(prefix) {
  const keys = attempt(() => Object.keys(localStorage)) ?? [];
  return keys.filter((key) => key.startsWith(prefix)).map(kept);
}

/** Keeps a text; forgets with an empty one. */
export function keep(key, text) {
  attempt(() => (text === "" ? localStorage.removeItem(key) : localStorage.setItem(key, text)));
}

function attempt(work) {
  try {
    return work();
  } catch {
    return undefined;
  }
}
