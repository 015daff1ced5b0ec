// The open conversation: a slice of its messages, which moves over the whole with the person who reads.

import { ask } from "./api.js";
import { arrange, byId, element, say, spaced } from "./dom.js";
import { walkMessages } from "./keys.js";
import { bubble, update } from "./message.js";
import { Slice } from "./slice.js";
import { dayKey, dayName, said } from "./time.js";

/** Messages in the page at most, and how many come at once. */
const MOST = 300;
const STEP = 80;
/** Nearer to an end than this, more is fetched; nearer to the bottom, one is there. */
const NEAR_PX = 900;
const BOTTOM_PX = 60;
const LOOK_MS = 150;

export class Thread {
  /** @param {{seen: (peer: string, items: object[]) => void, name: (peer: string) => string, failed: (error: Error) => void}} told */
  constructor(told) {
    this.told = told;
    this.list = byId("thread");
    this.scroller = byId("scroller");
    this.toEnd = byId("to-end");
    this.peer = null;
    this.arrived = [];
    this.reset(new Slice());
    this.look = spaced(LOOK_MS, () => this.see());
    this.scroller.addEventListener("scroll", () => this.onScroll(), { passive: true });
    walkMessages(this.scroller, this.list);
    const sizes = new ResizeObserver(() => { if (this.sticks) this.toBottom(); });
    for (const part of [this.scroller, this.list, byId("pending"), byId("typing")]) sizes.observe(part);
    this.toEnd.addEventListener("click", () => this.goToEnd());
  }

  reset(slice) {
    this.slice = slice;
    this.shown = new Map();
    this.sticks = true;
    this.missed = 0;
    this.seenThrough = 0;
    this.line = { position: 0, text: "" };
  }

  get isAtBottom() {
    return this.scroller.scrollHeight - this.scroller.scrollTop - this.scroller.clientHeight < BOTTOM_PX;
  }

  get isLookedAt() {
    return document.visibilityState === "visible" && document.hasFocus();
  }

  /** Opens a conversation at its end, where the unread ones begin, or at a message: a hit, or where one was. */
  async open(peer, { unread = 0, position = 0, isHit = false } = {}) {
    if (this.peer !== peer) {
      Object.assign(this, { peer, arrived: [], isLoaded: false });
      this.reset(new Slice());
      this.list.replaceChildren();
      byId("beginning").hidden = true;
      this.toEnd.hidden = true;
    }
    await this.exclusively(async (isCurrent) => {
      const slice = position === 0 ? await atUnread(peer, unread) : await around(peer, position);
      if (!isCurrent()) return;
      this.reset(slice);
      this.isLoaded = true;
      this.list.replaceChildren();
      this.line = lineOf(slice, position === 0 ? unread : 0);
      this.draw();
      this.settle(position, isHit);
    });
    this.onScroll();
  }

  /** Reads anew what is shown, where it is shown. */
  async renew() {
    if (this.peer === null) return;
    const top = this.sticks ? null : [...this.list.querySelectorAll("[data-position]")].find((it) => this.isBelowTop(it));
    await this.open(this.peer, { position: Number(top?.dataset.position ?? 0) });
  }

  /** To where the newest are. */
  goToEnd() {
    if (this.slice.newer) return this.open(this.peer);
    this.toBottom();
    this.onScroll();
  }

  /** One thing at a time; what arrives meanwhile is taken in afterwards, so that nothing falls between. */
  async exclusively(work) {
    const turn = Symbol("turn");
    this.turn = turn;
    try {
      await work(() => this.turn === turn);
    } catch (error) {
      this.told.failed(error);
    } finally {
      if (this.turn === turn) this.turn = null;
      this.takeSoon();
    }
  }

  settle(position, isHit) {
    const found = position === 0 ? null : this.list.querySelector(`[data-position="${position}"]`);
    const line = this.list.querySelector(".new");
    this.sticks = false;
    if (found) {
      found.scrollIntoView({ block: isHit ? "center" : "start" });
      if (isHit) found.querySelector(".bubble").classList.add("found");
    } else if (line && this.list.getBoundingClientRect().bottom - line.getBoundingClientRect().top > this.scroller.clientHeight) {
      line.scrollIntoView({ block: "start" });
    } else {
      this.sticks = true;
      this.toBottom();
    }
  }

  /** Messages that are new or changed. */
  hear(items) {
    this.arrived.push(...items.filter((item) => item.peer === this.peer));
    this.takeSoon();
  }

  takeSoon() {
    if (this.frame || this.arrived.length === 0 || !this.isLoaded) return;
    const take = () => {
      this.frame = null;
      if (!this.turn) this.take(this.arrived.splice(0));
    };
    // A page that is not seen gets no frames.
    if (document.visibilityState === "visible") this.frame = requestAnimationFrame(take);
    else this.frame = setTimeout(take, LOOK_MS);
  }

  take(items) {
    const { slice, sticks } = this;
    let added = 0;
    for (const item of items) {
      const became = slice.put(item);
      const made = this.shown.get(item.position);
      if (became === "changed" && made) update(made, item);
      if (became === "new" || became === "beyond") added += 1;
      if (became === "new" && !item.out && !this.isLookedAt && !this.isUnderLine()) this.line = { position: item.position, text: "New messages" };
    }
    if (added > 0) {
      slice.trim(sticks ? "older" : "newer", MOST);
      this.draw();
      if (sticks) this.follow();
      if (!this.sticks) this.missed += added;
      this.tellMissed();
    }
    this.look();
  }

  /** Whether the line stands above something that was not looked at: then it stays. */
  isUnderLine() {
    return this.line.position > this.seenThrough;
  }

  tellMissed() {
    this.toEnd.hidden = this.peer === null || (this.sticks && !this.slice.newer);
    say(this.toEnd, this.missed > 0 ? `${this.missed} new ↓` : "To the end ↓");
  }

  /** Makes the list what the slice holds, and leaves what is there already. */
  draw() {
    const shown = new Map();
    const wanted = [];
    let [day, newest] = ["", null];
    for (const item of this.slice.items) {
      const key = dayKey(said(item));
      if (key !== day) wanted.push(this.separator(shown, `day ${item.position}`, "day", dayName(said(item))));
      day = key;
      if (item.position === this.line.position) wanted.push(this.separator(shown, "new", "new", this.line.text));
      const made = this.shown.get(item.position) ?? bubble(item, item.out ? "You" : this.told.name(item.peer));
      update(made, item);
      shown.set(item.position, made);
      wanted.push(made);
      if (item.out) newest = made;
    }
    if (this.newest !== newest) {
      this.newest?.classList.remove("newest");
      newest?.classList.add("newest");
      this.newest = newest;
    }
    this.shown = shown;
    arrange(this.list, wanted);
    const beginning = byId("beginning");
    beginning.hidden = this.slice.older;
    say(beginning, this.slice.size === 0 ? "Nothing was said yet. What you write is stored here first, and sent as soon as they are there." : "This is the beginning.");
  }

  separator(shown, key, className, textContent) {
    const made = this.shown.get(key) ?? element("li", { className, role: "separator" });
    say(made, textContent);
    shown.set(key, made);
    return made;
  }

  async onScroll() {
    this.sticks = this.isAtBottom && !this.slice.newer;
    if (this.sticks) this.missed = 0;
    this.tellMissed();
    this.look();
    if (this.turn || this.peer === null || this.slice.size === 0) return;
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    if (this.slice.older && scrollTop < NEAR_PX) await this.fetch("older", { before: this.slice.first });
    else if (this.slice.newer && scrollHeight - scrollTop - clientHeight < NEAR_PX) await this.fetch("newer", { after: this.slice.last });
  }

  /** Moves the slice by a step, and keeps what one reads where it is. */
  async fetch(end, where) {
    await this.exclusively(async (isCurrent) => {
      const found = await ask("messages", { peer: this.peer, ...where, limit: STEP });
      if (!isCurrent()) return;
      const anchor = [...this.list.querySelectorAll("[data-position]")].find((it) => this.isBelowTop(it));
      const before = anchor?.getBoundingClientRect().top ?? 0;
      this.slice.extend(end, found);
      this.slice.trim(end === "older" ? "newer" : "older", MOST);
      this.draw();
      if (anchor?.isConnected) this.scroller.scrollTop += anchor.getBoundingClientRect().top - before;
    });
  }

  isBelowTop(made) {
    return made.getBoundingClientRect().bottom > this.scroller.getBoundingClientRect().top;
  }

  /** Goes with what arrives; while nobody sees the page, no further than to where that began. */
  follow() {
    this.toBottom();
    const line = this.list.querySelector(".new");
    if (document.visibilityState === "visible" || line === null || !this.isUnderLine()) return;
    const above = this.scroller.getBoundingClientRect().top - line.getBoundingClientRect().top;
    if (above <= 0) return;
    this.sticks = false;
    this.scroller.scrollTop -= above;
  }

  toBottom() {
    this.scroller.scrollTop = this.scroller.scrollHeight;
  }

  /** Tells what stands before the person's eyes: everything down to the lower edge. */
  see() {
    if (!this.isLookedAt || this.peer === null || this.scroller.clientHeight === 0) return;
    const { items } = this.slice;
    let end = items.length;
    if (!this.isAtBottom) {
      const edge = this.scroller.getBoundingClientRect().bottom;
      while (end > 0 && (this.shown.get(items[end - 1].position)?.getBoundingClientRect().bottom ?? Infinity) > edge + 1) end -= 1;
    }
    if (end === 0) return;
    this.seenThrough = items[end - 1].position;
    this.told.seen(this.peer, items.slice(0, end).filter((item) => !item.out));
  }
}

/** A message with those before and after it. */
async function around(peer, position) {
  const slice = new Slice(await ask("messages", { peer, before: position + 1, limit: STEP }));
  slice.extend("newer", await ask("messages", { peer, after: position, limit: STEP }));
  return slice;
}

/** The end, with all that is unread; where that is too much for the page, its beginning, with a little of what was before. */
async function atUnread(peer, unread) {
  const end = new Slice(await ask("messages", { peer, limit: Math.min(MOST, Math.max(STEP, unread + STEP / 4)) }));
  if (!end.older || end.items.filter((item) => !item.out).length >= unread) return end;
  const slice = new Slice(await ask("messages", { peer, unread: true, limit: STEP }));
  slice.unread = slice.first;
  if (slice.older) slice.extend("older", await ask("messages", { peer, before: slice.first, limit: STEP / 4 }));
  return slice;
}

/** Where the unread messages begin, and what is said there. */
function lineOf(slice, unread) {
  const incoming = slice.items.filter((item) => !item.out);
  const first = slice.unread ?? incoming.at(-Math.min(unread, incoming.length))?.position;
  return unread === 0 || first === undefined ? { position: 0, text: "" } : { position: first, text: "New messages" };
}
