// Searching what was said.

import { ask } from "./api.js";
import { byId, element, spaced } from "./dom.js";
import { called, moment, short } from "./text.js";

const PACE_MS = 150;
/** Shorter words are in nearly everything. */
const MIN_LETTERS = 2;

export class Search {
  /** @param {{people: object, choose: Function, filter: (text: string) => void, failed: Function}} parts */
  constructor(parts) {
    this.parts = parts;
    this.field = byId("find");
    this.section = byId("found");
    this.list = this.section.querySelector("ul");
    this.more = byId("more-found");
    const look = spaced(PACE_MS, () => this.look().catch(parts.failed));
    this.field.addEventListener("input", () => { parts.filter(this.field.value); look(); });
    this.more.addEventListener("click", () => this.look(this.next).catch(parts.failed));
    this.list.addEventListener("click", (event) => {
      const row = event.target.closest("[data-found]");
      if (row) parts.choose(row.dataset.peer, Number(row.dataset.found));
    });
  }

  clear() {
    this.field.value = "";
    this.parts.filter("");
    this.section.hidden = true;
  }

  async look(before = 0) {
    const text = this.field.value.trim();
    const turn = Symbol("turn");
    this.turn = turn;
    if (text.length < MIN_LETTERS) {
      this.section.hidden = true;
      return;
    }
    const { messages, next } = await ask("search", { text, before, limit: 30 });
    if (this.turn !== turn) return;
    const rows = messages.map((item) => this.row(item, text));
    if (before === 0) this.list.replaceChildren(...rows);
    else this.list.append(...rows);
    this.next = next;
    this.more.hidden = next === 0;
    this.section.hidden = this.list.childElementCount === 0;
  }

  row(item, text) {
    const person = this.parts.people.get(item.peer);
    const name = person ? called(person) : short(item.peer);
    const made = element("button", { className: "row", dataset: { found: item.position, peer: item.peer } },
      element("span"), element("span", { className: "lines" }, element("b", {}, item.out ? "You to " : "", element("bdi", { textContent: name })),
        element("bdi", { className: "last", textContent: around(item.text, text) }), element("small", { textContent: moment(item.sent_at) })));
    return element("li", {}, made);
  }
}

/** The part of a text in which the first word stands. */
function around(text, words) {
  const place = text.toLowerCase().indexOf(words.toLowerCase().split(/\s+/u)[0]);
  const start = Math.max(0, place - 24);
  return `${start > 0 ? "…" : ""}${text.slice(start, start + 120).replace(/\s+/gu, " ")}`;
}
