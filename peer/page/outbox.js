// What was written and is not with the peer yet. It is kept in the browser, and handed over once, however often it is tried.

import { Refused, tell } from "./api.js";
import { arrange, byId, element } from "./dom.js";
import { bubble } from "./message.js";

const RETRY_MS = 2000;

export class Outbox {
  /** @param {(item: object) => void} handed */
  constructor(handed) {
    this.handed = handed;
    this.peer = null;
    this.all = [];
    this.list = byId("pending");
  }

  /** Begins with what the browser kept for this peer. */
  begin(own) {
    if (this.key) return;
    this.key = `causeway.${own}.outbox`;
    this.all = [...read(this.key), ...this.all];
    this.keep();
    this.work();
  }

  add(to, text) {
    const once = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    this.all.push({ once, to, text, at: Date.now(), why: "", failed: "" });
    this.keep();
    this.work();
  }

  show(peer) {
    this.peer = peer;
    this.draw();
  }

  /** One after the other, so that they keep their order. */
  async work() {
    clearTimeout(this.retry);
    if (this.working) return;
    this.working = true;
    for (let next; (next = this.all.find((it) => it.failed === "")) !== undefined;) {
      try {
        const item = await tell("send", { to: next.to, text: next.text, once: next.once });
        this.drop(next);
        this.handed(item);
      } catch (error) {
        const isRefusal = error instanceof Refused;
        const isForNow = !isRefusal || [401, 429, 500, 503].includes(error.status);
        next[isForNow ? "why" : "failed"] = isRefusal ? error.sentence : "";
        this.keep();
        if (isForNow) break;
      }
    }
    this.working = false;
    if (this.all.some((it) => it.failed === "")) this.retry = setTimeout(() => this.work(), RETRY_MS);
  }

  drop(entry) {
    this.all = this.all.filter((it) => it !== entry);
    this.keep();
  }

  keep() {
    try {
      if (this.key) localStorage.setItem(this.key, JSON.stringify(this.all));
    } catch {
      // Full, or forbidden: it stays in the page.
    }
    this.draw();
  }

  draw() {
    arrange(this.list, this.all.filter((it) => it.to === this.peer).map((entry) => this.row(entry)));
  }

  row(entry) {
    const state = entry.failed === "" ? "handing" : "failed";
    const reason = entry.failed || entry.why;
    const known = [...this.list.children].find((it) => it.dataset.once === entry.once && it.dataset.state === state && it.item.reason === reason);
    if (known) return known;
    const made = bubble({ position: 0, out: true, text: entry.text, unknown: 0, sent_at: entry.at, state_at: entry.at, state, reason, via: [] });
    made.dataset.once = entry.once;
    delete made.dataset.position;
    const details = made.querySelector(".details");
    details.hidden = false;
    if (state === "failed") {
      const again = element("button", { className: "retry", textContent: "Try again" });
      const discard = element("button", { textContent: "Discard" });
      again.addEventListener("click", () => { entry.failed = ""; this.keep(); this.work(); });
      discard.addEventListener("click", () => this.drop(entry));
      details.append(" ", again, " ", discard);
    }
    return made;
  }
}

function read(key) {
  try {
    const kept = JSON.parse(localStorage.getItem(key) ?? "[]");
    return Array.isArray(kept) ? kept : [];
  } catch {
    return [];
  }
}
