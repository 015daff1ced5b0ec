// Where one writes: drafts, the emoji, and telling that one is writing.

import { tell } from "./api.js";
import { byId, element } from "./dom.js";

const TYPING_MS = 1000;
const EMOJI = "😀 😄 😂 🙂 😉 😍 😘 😎 🤔 😐 😴 😢 😭 😡 😱 🥳 👍 👎 👋 🙏 👏 💪 🤝 👌 ❤️ 💔 🔥 ✨ 🎉 🎂 ☕ 🍕 🌞 🌧️ ❄️ 🌱 🏠 🚲 🚗 ✅ ❌ ❓ ❗ 💡 📎 📷 🎵 ⏰".split(" ");

export class Composer {
  /** @param {(text: string) => void} send */
  constructor(send) {
    this.peer = null;
    this.own = "";
    this.field = byId("write");
    this.button = byId("send");
    this.told = 0;
    const hand = () => {
      const text = this.field.value.replace(/\s+$/u, "");
      if (text === "" || this.peer === null) return;
      send(text);
      this.field.value = "";
      this.change();
      this.field.focus();
    };
    this.button.addEventListener("click", hand);
    this.field.addEventListener("input", () => { this.change(); this.tellTyping(); });
    this.field.addEventListener("keydown", (event) => {
      const isTouch = matchMedia("(pointer: coarse)").matches;
      if (event.key !== "Enter" || event.shiftKey || event.isComposing || isTouch) return;
      event.preventDefault();
      hand();
    });
    this.makePicker();
  }

  /** Takes the draft of another conversation. */
  show(own, peer) {
    Object.assign(this, { own, peer });
    this.field.value = peer === null ? "" : stored(this.key);
    this.change();
  }

  get key() {
    return `causeway.${this.own}.draft.${this.peer}`;
  }

  change() {
    const { field } = this;
    this.button.disabled = field.value.trim() === "";
    field.style.height = "auto";
    field.style.height = `${field.scrollHeight + 2}px`;
    if (this.peer !== null) keep(this.key, field.value);
  }

  tellTyping() {
    const now = performance.now();
    if (this.peer === null || now - this.told < TYPING_MS || this.field.value === "") return;
    this.told = now;
    // Nobody needs to hear of it when it fails.
    tell("typing", { to: this.peer, active: true }).catch(() => {});
  }

  makePicker() {
    const [picker, opener] = [byId("emoji"), byId("pick-emoji")];
    const show = (open) => {
      picker.hidden = !open;
      opener.setAttribute("aria-expanded", String(open));
    };
    picker.append(...EMOJI.map((emoji) => element("button", { textContent: emoji })));
    opener.addEventListener("click", () => show(picker.hidden));
    picker.addEventListener("click", (event) => {
      if (event.target === picker) return;
      this.field.setRangeText(event.target.textContent, this.field.selectionStart, this.field.selectionEnd, "end");
      show(false);
      this.change();
      this.field.focus();
    });
    picker.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      show(false);
      opener.focus();
    });
  }
}

function stored(key) {
  try {
    return localStorage.getItem(key) ?? "";
  } catch {
    return "";
  }
}

function keep(key, text) {
  try {
    if (text === "") localStorage.removeItem(key);
    else localStorage.setItem(key, text);
  } catch {
    // Full, or forbidden: the draft lasts as long as the page.
  }
}
