// Events as rows, and the list of those before a moment.

import { byId, element } from "./dom.js";
import { parse, timeOfDay } from "./time.js";

const MOODS = {
  link_down: "bad", peer_left: "bad", bridge_stopped: "bad", fork_found: "bad",
  link_up: "good", peer_joined: "good", bridge_started: "good",
  bridge_draining: "warn", damped: "warn", policy_changed: "warn", trust_changed: "warn", peer_asleep: "warn",
};
/** Rows of the list; more is not read, and costs. */
export const ROWS = 150;

/** An event as a row that leads to its moment. */
export function eventRow(event, go) {
  const at = parse(event.time);
  return element("li", {}, element("button",
    { className: "row", onclick: () => go(at, event.id), dataset: { event: event.id } },
    element("time", { textContent: timeOfDay(at), dateTime: event.time }),
    element("span", { className: "kind", textContent: event.kind.replaceAll("_", " "), dataset: { mood: MOODS[event.kind] ?? "" } }),
    element("span", { className: "text", textContent: event.text })));
}

/** The list: the newest first. */
export class Events {
  #list = byId("events").querySelector("ol");

  constructor(go) {
    this.go = go;
  }

  /** Shows events, oldest first, instead of those before. */
  show(events) {
    if (events.length === 0) {
      this.#list.replaceChildren(element("li", { className: "row quiet", textContent: "No events up to here." }));
      return;
    }
    this.#list.replaceChildren(...events.slice(-ROWS).reverse().map((event) => eventRow(event, this.go)));
    this.#list.firstElementChild.firstElementChild.classList.add("current");
  }

  /** Puts new ones on top. */
  add(events) {
    const known = new Set([...this.#list.querySelectorAll("[data-event]")].map((row) => row.dataset.event));
    const fresh = events.filter((event) => !known.has(event.id)).slice(-ROWS);
    if (fresh.length === 0) return;
    this.#list.querySelector(".current")?.classList.remove("current");
    this.#list.querySelector(".quiet")?.remove();
    this.#list.prepend(...fresh.reverse().map((event) => eventRow(event, this.go)));
    while (this.#list.children.length > ROWS) this.#list.lastElementChild.remove();
  }
}
