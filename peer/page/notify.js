// Notifications, if the person allows them: only while the page is hidden, the text only if they chose so.

import { byId } from "./dom.js";
import { called } from "./text.js";

const KEYS = { notify: "causeway.notify", "notify-text": "causeway.notify-text" };

export class Notify {
  /** @param {(id: string) => void} choose */
  constructor(choose) {
    this.choose = choose;
    for (const [id, key] of Object.entries(KEYS)) {
      const box = byId(id);
      box.checked = kept(key);
      box.addEventListener("change", () => this.change(box, key));
    }
    byId("notify").disabled = !("Notification" in window);
  }

  async change(box, key) {
    if (box.id === "notify" && box.checked && (await Notification.requestPermission()) !== "granted") box.checked = false;
    try {
      localStorage.setItem(key, box.checked ? "yes" : "");
    } catch {
      // It lasts as long as the page.
    }
  }

  hear(item, person) {
    const wanted = byId("notify").checked && "Notification" in window && Notification.permission === "granted";
    if (!wanted || document.visibilityState === "visible" || person === undefined || person.blocked) return;
    const body = byId("notify-text").checked ? item.text.slice(0, 200) : "wrote to you";
    const shown = new Notification(called(person), { body, tag: item.peer, icon: "/page/icon.svg" });
    shown.onclick = () => {
      window.focus();
      this.choose(item.peer);
      shown.close();
    };
  }
}

function kept(key) {
  try {
    return localStorage.getItem(key) === "yes";
  } catch {
    return false;
  }
}
