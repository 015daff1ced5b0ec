// The open conversation: a window of its messages, which moves over the whole with the person who reads.

import { ask } from "./api.js";
import { byId, element, say } from "./dom.js";
import { bubble, update } from "./message.js";
import { dayKey, dayName } from "./text.js";

/** Messages in the page at most, and how many come at once. */
const WINDOW = 300;
const STEP = 80;
/** Nearer to an end than this, more is fetched; nearer to the bottom, one is there. */
const NEAR_PX = 600;
const BOTTOM_PX = 60;

export class Thread {
  /** @param {{seen: (items: object[]) => void, failed: (error: Error) => void}} told */
  constructor(told) {
    this.told = told;
    this.peer = null;
    this.list = byId("thread");
    this.scroller = byId("scroller");
    this.toEnd = byId("to-end");
    this.arrived = [];
    this.reset();
    this.scroller.addEventListener("scroll", () => this.onScroll(), { passive: true });
    new ResizeObserver(() => { if (this.sticks) this.toBottom(); }).observe(this.scroller);
    this.toEnd.addEventListener("click", () => this.open(this.peer, { unread: 0 }));
  }

  reset() {
    this.items = new Map();
    this.older = false;
    this.newer = false;
    this.sticks = true;
    this.missed = 0;
    this.firstUnread = 0;
  }

  get isAtBottom() {
    return this.scroller.scrollHeight - this.scroller.scrollTop - this.scroller.clientHeight < BOTTOM_PX;
  }

  /** Opens a conversation at its end, or at a message. */
  async open(peer, { unread = 0, position = 0 }) {
    const turn = Symbol("turn");
    Object.assign(this, { peer, turn, busy: true });
    try {
      const before = await ask("messages", { peer, before: position === 0 ? 0 : position + 1, limit: STEP });
      const after = position === 0 ? { messages: [], newer: false } : await ask("messages", { peer, after: position, limit: STEP });
      if (this.turn !== turn) return;
      this.reset();
      this.list.replaceChildren();
      for (const item of [...before.messages, ...after.messages]) this.items.set(item.position, item);
      Object.assign(this, { older: before.older, newer: after.newer, sticks: position === 0, firstUnread: firstUnread(before.messages, unread) });
      this.draw();
      this.settle(position);
    } catch (error) {
      this.told.failed(error);
    } finally {
      if (this.turn === turn) this.busy = false;
    }
    this.onScroll();
  }

  settle(position) {
    const found = position === 0 ? null : this.list.querySelector(`[data-position="${position}"]`);
    const line = this.list.querySelector(".new");
    if (found) {
      found.scrollIntoView({ block: "center" });
      found.querySelector(".bubble").classList.add("found");
    } else if (line && this.list.getBoundingClientRect().bottom - line.getBoundingClientRect().top > this.scroller.clientHeight) {
      this.sticks = false;
      line.scrollIntoView({ block: "start" });
    } else {
      this.toBottom();
    }
    this.see();
  }

  /** Messages of this conversation that are new or changed. */
  hear(items) {
    this.arrived.push(...items);
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = null;
      this.take(this.arrived.splice(0));
    });
  }

  take(items) {
    const atBottom = this.sticks && !this.newer;
    let added = 0;
    for (const item of items) {
      if (this.items.has(item.position)) {
        // The answer to sending may come after the news of what became of it.
        if (isBehind(item, this.items.get(item.position))) continue;
        this.items.set(item.position, item);
        const shown = this.list.querySelector(`[data-position="${item.position}"]`);
        if (shown) update(shown, item);
      } else if (item.position > this.last) {
        if (!atBottom && (this.newer || this.items.size >= WINDOW)) this.newer = true;
        else this.items.set(item.position, item);
        added += 1;
      }
    }
    if (added > 0) {
      this.trim(atBottom ? "older" : "newer");
      this.draw();
      if (atBottom) this.toBottom();
      else this.missed += added;
      this.tellMissed();
    }
    this.see();
  }

  tellMissed() {
    this.toEnd.hidden = this.sticks || this.peer === null;
    say(this.toEnd, this.missed > 0 ? `${this.missed} new ↓` : "To the end ↓");
  }

  get last() {
    return Math.max(0, ...this.items.keys());
  }

  get first() {
    return Math.min(...this.items.keys());
  }

  /** Forgets what is too much at one end. */
  trim(end) {
    const positions = [...this.items.keys()].sort((one, other) => one - other);
    const excess = positions.length - WINDOW;
    if (excess <= 0) return;
    const gone = end === "older" ? positions.slice(0, excess) : positions.slice(-excess);
    gone.forEach((position) => this.items.delete(position));
    this[end] = true;
  }

  /** Makes the list what the window holds, and leaves what is there already. */
  draw() {
    const there = new Map([...this.list.children].map((child) => [child.dataset.key, child]));
    const wanted = [];
    let day = "";
    for (const item of [...this.items.values()].sort((one, other) => one.position - other.position)) {
      if (dayKey(item.sent_at) !== day) {
        day = dayKey(item.sent_at);
        wanted.push(line(there, `day ${day} ${item.position}`, "day", dayName(item.sent_at)));
      }
      if (item.position === this.firstUnread) wanted.push(line(there, "new", "new", "New messages"));
      const key = String(item.position);
      const shown = there.get(key) ?? bubble(item);
      shown.dataset.key = key;
      wanted.push(shown);
    }
    const keep = new Set(wanted);
    for (const child of [...this.list.children]) if (!keep.has(child)) child.remove();
    let next = this.list.firstElementChild;
    for (const child of wanted) {
      if (child === next) next = next.nextElementSibling;
      else this.list.insertBefore(child, next);
    }
    const beginning = byId("beginning");
    beginning.hidden = this.older;
    say(beginning, this.items.size === 0 ? "Nothing was said yet. What you write is stored here first, and sent as soon as they are there." : "This is the beginning.");
  }

  async onScroll() {
    this.sticks = this.isAtBottom && !this.newer;
    if (this.sticks) this.missed = 0;
    this.tellMissed();
    this.see();
    if (this.busy || this.peer === null || this.items.size === 0) return;
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    if (this.older && scrollTop < NEAR_PX) await this.fetch("older", { before: this.first });
    else if (this.newer && scrollHeight - scrollTop - clientHeight < NEAR_PX) await this.fetch("newer", { after: this.last });
  }

  /** Moves the window by a step, and keeps what one reads where it is. */
  async fetch(end, where) {
    const { turn, peer } = this;
    this.busy = true;
    try {
      const found = await ask("messages", { peer, ...where, limit: STEP });
      if (this.turn !== turn) return;
      const anchor = [...this.list.querySelectorAll("[data-position]")].find((it) => it.getBoundingClientRect().bottom > 0);
      const before = anchor?.getBoundingClientRect().top ?? 0;
      for (const item of found.messages) this.items.set(item.position, item);
      this[end] = found[end];
      this.trim(end === "older" ? "newer" : "older");
      this.draw();
      if (anchor?.isConnected) this.scroller.scrollTop += anchor.getBoundingClientRect().top - before;
    } catch (error) {
      this.told.failed(error);
    } finally {
      if (this.turn === turn) this.busy = false;
    }
  }

  toBottom() {
    this.scroller.scrollTop = this.scroller.scrollHeight;
  }

  /** Tells what stands before the person's eyes: everything up to the end, if that is where they are. */
  see() {
    const isLooking = document.visibilityState === "visible" && document.hasFocus();
    if (isLooking && this.peer !== null && this.items.size > 0 && !this.newer && this.isAtBottom) {
      this.told.seen([...this.items.values()].filter((item) => !item.out));
    }
  }
}

const STEPS = ["queued", "at_peer", "read"];

/** Whether what is told of a message was overtaken by what is known. */
const isBehind = (told, known) => STEPS.indexOf(told.state) >= 0 && STEPS.indexOf(told.state) < STEPS.indexOf(known.state);

function line(there, key, className, text) {
  const shown = there.get(key) ?? element("li", { className, textContent: text, dataset: { key } });
  shown.setAttribute("role", "separator");
  return shown;
}

/** The position of the first message that was not read. */
function firstUnread(items, unread) {
  const incoming = items.filter((item) => !item.out);
  return unread > 0 ? (incoming[Math.max(0, incoming.length - unread)]?.position ?? 0) : 0;
}
