// The list on the left: conversations by their last message, then who else is there.

import { arrange, byId, element, say } from "./dom.js";
import { hue, initial, isDoubtful, way } from "./person.js";
import { ago, called, folded, short } from "./text.js";

export class People {
  /** @param {(id: string) => void} choose */
  constructor(choose) {
    this.all = new Map();
    this.rows = new Map();
    this.filter = "";
    this.open = null;
    this.list = byId("people");
    this.list.addEventListener("click", (event) => {
      const row = event.target.closest("[data-id]");
      if (row) choose(row.dataset.id);
    });
    byId("lists").addEventListener("keydown", (event) => step(event));
  }

  /** Takes over who is new or changed. */
  hear({ all, people, gone }) {
    if (all) this.all.clear();
    for (const person of people) this.all.set(person.id, person);
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
    for (const person of this.all.values()) {
      const name = folded(called(person));
      names.set(name, (names.get(name) ?? 0) + 1);
    }
    const matches = (person) => this.filter === "" || folded(called(person)).includes(this.filter) || person.id.startsWith(this.filter);
    const wanted = [...this.all.values()].filter(matches).sort(order);
    for (const [id, row] of this.rows) {
      if (!this.all.has(id)) {
        row.remove();
        this.rows.delete(id);
      }
    }
    arrange(this.list, wanted.map((person) => this.row(person, names.get(folded(called(person))) > 1)));
    const nobody = byId("nobody");
    nobody.hidden = wanted.length > 0;
    say(nobody, this.all.size === 0 ? "Nobody is here yet. Whoever starts Causeway on this network, or behind one of its bridges, appears by itself." : "Nobody of that name or id.");
  }

  row(person, isShared) {
    let row = this.rows.get(person.id);
    if (row === undefined) {
      row = element("li");
      this.rows.set(person.id, row);
    }
    const current = String(person.id === this.open);
    if (row.person === person && row.shared === isShared && row.current === current) return row;
    Object.assign(row, { person, shared: isShared, current });
    const hadFocus = row.contains(document.activeElement);
    row.replaceChildren(button(person, isShared, current));
    if (hadFocus) row.firstElementChild.focus();
    return row;
  }
}

function button(person, isShared, current) {
  const face = element("span", { className: "face", textContent: initial(person), ariaHidden: "true" });
  face.style.background = `hsl(${hue(person.id)} 42% 42%)`;
  const name = element("b", {}, element("bdi", { textContent: called(person) }), isShared ? element("small", { textContent: ` · ${short(person.id)}` }) : null);
  if (person.verified) name.append(element("span", { className: "mark-good", title: "Safety number compared", textContent: " ✓" }));
  if (isDoubtful(person)) name.append(element("span", { className: "mark-warn", title: "The same name under two keys", textContent: " ⚠" }));
  const last = element("span", { className: "last" }, preview(person));
  const side = element("span", { className: "side" }, person.last ? element("time", { textContent: ago(person.last.sent_at) }) : null,
    person.unread > 0 ? element("span", { className: "unread", textContent: person.unread > 999 ? "999+" : String(person.unread), ariaLabel: `${person.unread} unread` }) : null);
  const made = element("button", { className: "row", dataset: { id: person.id, state: person.state, unread: person.unread } }, face,
    element("span", { className: "lines" }, name, last), side);
  made.setAttribute("aria-current", current);
  return made;
}

function preview(person) {
  if (person.typing) return "is writing";
  if (person.last === null) return way(person);
  const text = person.last.unknown > 0 ? "[something this version cannot show]" : person.last.text.replace(/\s+/gu, " ");
  const mine = person.last.out ? (person.last.state === "queued" ? "You (waits): " : "You: ") : "";
  return [mine, element("bdi", { textContent: text })];
}

/** Conversations first, by their last message; then those who are there; then by name. */
function order(one, other) {
  const last = (other.last?.position ?? 0) - (one.last?.position ?? 0);
  if (last !== 0) return last;
  const there = Number(other.state === "online") - Number(one.state === "online");
  return there || called(one).localeCompare(called(other)) || (one.id < other.id ? -1 : 1);
}

/** Arrow keys go through the rows. */
function step(event) {
  const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (by === undefined) return;
  const rows = [...byId("lists").querySelectorAll(".row")];
  const next = rows[rows.indexOf(document.activeElement) + by];
  if (next) {
    event.preventDefault();
    next.focus();
  }
}
