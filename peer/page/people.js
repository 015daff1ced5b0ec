// The list on the left: conversations by their last message, then who else is there.

import { arrange, byId, element, say } from "./dom.js";
import { walkPeople } from "./keys.js";
import { Row } from "./row.js";
import { called, folded } from "./text.js";

const collator = new Intl.Collator();

export class People {
  /** @param {(id: string) => void} choose */
  constructor(choose) {
    this.all = new Map();
    this.rows = new Map();
    this.filter = "";
    this.open = null;
    this.list = byId("people");
    this.others = element("li", { className: "heading", textContent: "Also there" });
    this.list.addEventListener("click", (event) => {
      const row = event.target.closest("[data-id]");
      if (row) choose(row.dataset.id);
    });
    this.list.addEventListener("focusin", (event) => this.stopAt(event.target));
    walkPeople();
  }

  /** Takes over who is new or changed. */
  hear({ all, people, gone }) {
    if (all) this.all.clear();
    for (const person of people) this.all.set(person.id, { ...person, called: called(person), folded: folded(called(person)) });
    for (const id of gone) this.all.delete(id);
    this.draw();
  }

  get(id) {
    return this.all.get(id);
  }

  /** How many messages were not read. */
  get unread() {
    return [...this.all.values()].reduce((sum, person) => sum + (person.blocked ? 0 : person.unread), 0);
  }

  show({ filter = this.filter, open = this.open }) {
    this.filter = folded(filter);
    this.open = open;
    this.draw();
  }

  draw() {
    if (this.drawing) return;
    this.drawing = requestAnimationFrame(() => {
      this.drawing = null;
      this.drawNow();
    });
  }

  drawNow() {
    const names = new Map();
    for (const { folded } of this.all.values()) names.set(folded, (names.get(folded) ?? 0) + 1);
    const matches = (person) => this.filter === "" || person.folded.includes(this.filter) || person.id.startsWith(this.filter);
    const found = [...this.all.values()].filter(matches).sort(order);
    for (const id of this.rows.keys()) if (!this.all.has(id)) this.rows.delete(id);
    const wanted = found.map((person) => this.row(person, names.get(person.folded) > 1));
    const others = found.findIndex((person) => person.last === null);
    if (others > 0) wanted.splice(others, 0, this.others);
    const focused = document.activeElement;
    arrange(this.list, wanted);
    if (focused !== document.activeElement && this.list.contains(focused)) focused.focus({ preventScroll: true });
    if (!this.list.contains(this.stop)) this.stopAt(this.list.querySelector(".row"));
    const nobody = byId("nobody");
    nobody.hidden = found.length > 0;
    say(nobody, this.all.size === 0 ? "Nobody is here yet. Whoever starts Causeway on this network, or behind one of its bridges, appears by itself." : "Nobody of that name or id.");
  }

  row(person, isShared) {
    if (!this.rows.has(person.id)) this.rows.set(person.id, new Row(person.id));
    return this.rows.get(person.id).update(person, isShared, person.id === this.open);
  }

  /** The one row that Tab reaches. */
  stopAt(row) {
    if (this.stop) this.stop.tabIndex = -1;
    this.stop = row;
    if (row) row.tabIndex = 0;
  }
}

/** Conversations first, by their last message; then those who are there; then by name. */
function order(one, other) {
  const last = (other.last?.position ?? 0) - (one.last?.position ?? 0);
  if (last !== 0) return last;
  const there = Number(other.state === "online") - Number(one.state === "online");
  return there || collator.compare(one.called, other.called) || (one.id < other.id ? -1 : 1);
}
