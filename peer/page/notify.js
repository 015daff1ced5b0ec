// Notifications, if the person allows them: only while the page is hidden, the text only if they chose so.

import { byId, spaced } from "./dom.js";
import { keep, kept } from "./kept.js";
import { clean } from "./text.js";

const KEYS = { notify: "causeway.notify", "notify-text": "causeway.notify-text" };
const PACE_MS = 1000;
const LETTERS = 200;

export class Notify {
  /** @param {(id: string) => void} choose */
  constructor(choose) {
    this.choose = choose;
    this.waiting = new Map();
    this.sayAll = spaced(PACE_MS, () => this.say());
    for (const [id, key] of Object.entries(KEYS)) {
      const box = byId(id);
      box.checked = kept(key) === "yes";
      box.addEventListener("change", () => this.change(box, key));
    }
    byId("notify").disabled = !("Notification" in window);
    this.show();
  }

  show() {
    byId("notify-text").disabled = !byId("notify").checked;
  }

  async change(box, key) {
    if (box.id === "notify" && box.checked && (await Notification.requestPermission()) !== "granted") box.checked = false;
    this.show();
    keep(key, box.checked ? "yes" : "");
  }

  hear(item, person) {
    const isWanted = byId("notify").checked && "Notification" in window && Notification.permission === "granted";
    if (!isWanted || document.visibilityState === "visible" || person === undefined || person.blocked) return;
    this.waiting.set(person.id, { item, person });
    this.sayAll();
  }

  /** One for each person, however much came. */
  say() {
    for (const { item, person } of this.waiting.values()) {
      const body = byId("notify-text").checked && item.text !== "" ? clean(item.text.slice(0, LETTERS)) : "wrote to you";
      const shown = new Notification(person.called, { body, tag: person.id, icon: "/page/icon.svg" });
      shown.onclick = () => {
        window.focus();
        this.choose(person.id);
        shown.close();
      };
    }
    this.waiting.clear();
  }
}
