// What was written and is not with the peer yet. It is kept in the browser, and handed over once, however often it is tried.

import { Refused, tell } from "./api.js";
import { arrange, byId, element } from "./dom.js";
import { keep, keptUnder } from "./kept.js";
import { bubble } from "./message.js";

const RETRY_MS = 2000;
/** Answers that promise nothing for the next time. */
const FOR_NOW = [401, 429, 500, 503];
/** The clocks of this machine and of the peer's may differ by so much. */
const CLOCKS_MS = 60000;

export class Outbox {
  /** @param {(item: object) => void} handed */
  constructor(handed) {
    this.handed = handed;
    this.peer = null;
    this.all = [];
    this.list = byId("pending");
  }

  /** Begins with what the browser kept for this peer, also from pages that were closed. */
  begin(own) {
    if (this.prefix) return;
    this.prefix = `causeway.${own}.outbox.`;
    this.all.forEach((entry) => this.keep(entry));
    this.all = [...waiting(this.prefix).filter((it) => !this.all.some(({ once }) => once === it.once)), ...this.all];
    this.draw();
    this.work();
  }

  add(to, text) {
    const once = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    const entry = { once, to, text, at: Date.now(), why: "", failed: "" };
    this.all.push(entry);
    this.keep(entry);
    this.draw();
    this.work();
  }

  show(peer) {
    this.peer = peer;
    this.draw();
  }

  /** One after the other, so that those to one person keep their order. */
  async work() {
    clearTimeout(this.retry);
    if (this.working) return;
    this.working = true;
    const stuck = new Set();
    for (let next; (next = this.all.find((it) => it.failed === "" && !stuck.has(it.to))) !== undefined;) {
      try {
        const item = await tell("send", { to: next.to, text: next.text, once: next.once });
        this.drop(next);
        this.handed(item);
      } catch (error) {
        const isRefusal = error instanceof Refused;
        const isForNow = !isRefusal || FOR_NOW.includes(error.status);
        next[isForNow ? "why" : "failed"] = isRefusal ? error.sentence : "";
        next.isThere = false;
        this.keep(next);
        this.draw();
        if (!isRefusal) break;
        if (isForNow) stuck.add(next.to);
      }
    }
    this.working = false;
    if (this.all.some((it) => it.failed === "")) this.retry = setTimeout(() => this.work(), RETRY_MS);
  }

  /** The news of a message may be here before the answer to sending it: it is not shown twice. */
  hear(items) {
    for (const item of items.filter((it) => it.out)) {
      const entry = this.all.find((it) => !it.isThere && it.to === item.peer && it.text === item.text && item.sent_at > it.at - CLOCKS_MS);
      if (entry) entry.isThere = true;
    }
    this.draw();
  }

  drop(entry) {
    this.all = this.all.filter((it) => it !== entry);
    keep(this.prefix + entry.once, "");
    this.draw();
  }

  /** Each under a key of its own: other pages of the same peer keep theirs beside. */
  keep(entry) {
    if (this.prefix) keep(this.prefix + entry.once, JSON.stringify(entry));
  }

  draw() {
    arrange(this.list, this.all.filter((it) => it.to === this.peer && !it.isThere).map((entry) => this.row(entry)));
  }

  row(entry) {
    const state = entry.failed === "" ? "handing" : "failed";
    const reason = entry.failed || entry.why;
    const known = [...this.list.children].find((it) => it.dataset.once === entry.once && it.dataset.state === state && it.item.reason === reason);
    if (known) return known;
    const made = bubble({ position: 0, out: true, text: entry.text, unknown: 0, sent_at: entry.at, state_at: entry.at, state, reason, via: [] }, "You");
    made.dataset.once = entry.once;
    delete made.dataset.position;
    if (state === "failed") {
      const again = element("button", { className: "retry", textContent: "Try again" });
      const discard = element("button", { className: "discard", textContent: "Discard" });
      again.addEventListener("click", () => { entry.failed = ""; this.keep(entry); this.draw(); this.work(); });
      discard.addEventListener("click", () => this.drop(entry));
      made.querySelector(".details").append(element("span", { className: "buttons" }, again, discard));
    }
    return made;
  }
}

/** What was kept for a peer, oldest first. */
const waiting = (prefix) => keptUnder(prefix).map(entryOf).filter((it) => it !== null).sort((one, other) => one.at - other.at);

function entryOf(text) {
  try {
    return { ...JSON.parse(text), isThere: false };
  } catch {
    return null;
  }
}
