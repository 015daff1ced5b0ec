// Searching what was said.

import { ask } from "./api.js";
import { byId, element, spaced } from "./dom.js";
import { clean, short } from "./text.js";
import { ago, moment, said } from "./time.js";

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
    this.nothing = byId("nothing");
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
    this.nothing.hidden = this.list.childElementCount > 0;
    this.section.hidden = false;
  }

  row(item, text) {
    const person = this.parts.people.get(item.peer);
    const name = element("b", {}, item.out ? "You to " : "", element("bdi", { textContent: person?.called ?? short(item.peer) }));
    return element("li", {}, element("button", { className: "row hit", dataset: { found: item.position, peer: item.peer } },
      element("span", { className: "lines" }, name, element("bdi", { className: "last" }, around(item.text, text))),
      element("span", { className: "side" }, element("time", { textContent: ago(said(item)), title: moment(said(item)) }))));
  }
}

/** The part of a text in which the longest of the words stands, with all of them marked. */
function around(text, words) {
  const wanted = words.toLowerCase().split(/\s+/u);
  const longest = wanted.toSorted((one, other) => other.length - one.length)[0];
  const place = text.toLowerCase().indexOf(longest);
  const start = Math.max(0, place - 24);
  const part = `${start > 0 ? "…" : ""}${clean(text.slice(start, start + 160))}`;
  return marked(part, wanted);
}

function marked(text, wanted) {
  const pattern = new RegExp(wanted.map((word) => word.replace(/[\\^$.*+?()[\]{}|]/gu, "\\$&")).join("|"), "giu");
  const made = [];
  let end = 0;
  for (const found of text.matchAll(pattern)) {
    if (found[0] === "") continue;
    made.push(text.slice(end, found.index), element("mark", { textContent: found[0] }));
    end = found.index + found[0].length;
  }
  return [...made, text.slice(end)];
}
