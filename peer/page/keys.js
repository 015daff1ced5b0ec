// Walking by keys: through the people, and through the messages.

import { byId } from "./dom.js";
import { copyText, toggle } from "./message.js";

const STEPS = { ArrowUp: -1, ArrowDown: 1, Home: -Infinity, End: Infinity };

/** The element that a key leads to. */
function next(all, current, key) {
  const step = STEPS[key];
  if (step === undefined) return undefined;
  return all[Math.max(0, Math.min(all.length - 1, all.indexOf(current) + step))];
}

/** Through the rows of the left side, which begin under the search box. Only one of the rows is reached by Tab. */
export function walkPeople() {
  const rows = () => [...byId("lists").querySelectorAll(".row")].filter((row) => row.offsetParent !== null);
  const find = byId("find");
  byId("lists").addEventListener("keydown", (event) => {
    const all = rows();
    const here = document.activeElement;
    const to = event.key === "ArrowUp" && here === all[0] ? find : next(all, here, event.key);
    if (to === undefined) return;
    event.preventDefault();
    to.focus();
  });
  find.addEventListener("keydown", (event) => {
    const to = { ArrowDown: "focus", Enter: "click" }[event.key];
    if (to === undefined || event.isComposing) return;
    event.preventDefault();
    rows()[0]?.[to]();
  });
}

/** Through the messages: up and down, Enter for more about one, c to copy it. */
export function walkMessages(scroller, list) {
  let focused = null;
  scroller.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const made = event.target.closest("#thread [data-position]");
    const all = [...list.querySelectorAll("[data-position]")];
    const to = made === null && event.key === "ArrowUp" ? all.at(-1) : made === null ? undefined : next(all, made, event.key);
    if (to !== undefined) {
      to.focus({ preventScroll: true });
      to.scrollIntoView({ block: "nearest" });
    } else if (event.key === "Enter" && event.target === made) {
      toggle(made);
    } else if (event.key === "c" && event.target === made) {
      copyText(made);
    } else {
      return;
    }
    event.preventDefault();
  });
  // The buttons of one message are reached by Tab, not those of hundreds.
  list.addEventListener("focusin", (event) => {
    const made = event.target.closest("[data-position]");
    for (const [one, index] of [[focused, -1], [made, 0]]) one?.querySelectorAll(".foot button").forEach((it) => { it.tabIndex = index; });
    focused = made;
  });
}
