// Where one writes: drafts, the emoji, and telling that one is writing.

import { tell } from "./api.js";
import { byId, element, say } from "./dom.js";
import { keep, kept } from "./kept.js";

const TYPING_MS = 1000;
/** A message holds no more; the peer would refuse it. */
const MOST_BYTES = 64 * 1024;
const EMOJI = "😀 😄 😂 🙂 😉 😍 😘 😎 🤔 😐 😴 😢 😭 😡 😱 🥳 👍 👎 👋 🙏 👏 💪 🤝 👌 ❤️ 💔 🔥 ✨ 🎉 🎂 ☕ 🍕 🌞 🌧️ ❄️ 🌱 🏠 🚲 🚗 ✅ ❌ ❓ ❗ 💡 📎 📷 🎵 ⏰".split(" ");

export class Composer {
  /** @param {(text: string) => void} send */
  constructor(send) {
    Object.assign(this, { send, peer: null, own: "", told: -Infinity, isWriting: false });
    this.field = byId("write");
    this.button = byId("send");
    this.button.addEventListener("click", () => this.hand());
    this.field.addEventListener("input", () => { this.change(); this.tellTyping(); });
    this.field.addEventListener("keydown", (event) => {
      const isTouch = matchMedia("(pointer: coarse)").matches;
      if (event.key !== "Enter" || event.shiftKey || event.isComposing || isTouch) return;
      event.preventDefault();
      this.hand();
    });
    this.makePicker();
  }

  /** Takes the draft of another conversation. */
  show(own, peer) {
    if (this.own === own && this.peer === peer) return;
    Object.assign(this, { own, peer, told: -Infinity, isWriting: false });
    this.field.value = peer === null ? "" : kept(this.key);
    this.showPicker(false);
    this.change();
  }

  get key() {
    return `causeway.${this.own}.draft.${this.peer}`;
  }

  hand() {
    if (this.button.disabled || this.peer === null) return;
    this.send(this.field.value.replace(/\s+$/u, ""));
    this.field.value = "";
    this.isWriting = false;
    this.change();
    this.field.focus();
  }

  change() {
    const { field } = this;
    const over = excess(field.value);
    this.button.disabled = field.value.trim() === "" || over > 0;
    byId("too-long").hidden = over <= 0;
    if (over > 0) say(byId("too-long"), `Too long for one message by ${over.toLocaleString()} bytes: send it in parts.`);
    field.style.height = "auto";
    field.style.height = `${field.scrollHeight + 2}px`;
    if (this.peer !== null) keep(this.key, field.value);
  }

  /** Nobody needs to hear of it when it fails. */
  tellTyping() {
    const now = performance.now();
    const active = this.field.value !== "";
    if (this.peer === null || (active ? now - this.told < TYPING_MS : !this.isWriting)) return;
    this.told = active ? now : -Infinity;
    this.isWriting = active;
    tell("typing", { to: this.peer, active }).catch(() => {});
  }

  showPicker(isOpen) {
    byId("emoji").hidden = !isOpen;
    byId("pick-emoji").setAttribute("aria-expanded", String(isOpen));
  }

  makePicker() {
    const [picker, opener] = [byId("emoji"), byId("pick-emoji")];
    picker.append(...EMOJI.map((emoji) => element("button", { textContent: emoji })));
    opener.addEventListener("click", () => {
      this.showPicker(picker.hidden);
      if (!picker.hidden) picker.firstElementChild.focus();
    });
    picker.addEventListener("click", (event) => {
      if (event.target === picker) return;
      this.field.setRangeText(event.target.textContent, this.field.selectionStart, this.field.selectionEnd, "end");
      this.showPicker(false);
      this.change();
      this.field.focus();
    });
    picker.addEventListener("keydown", (event) => {
      const all = [...picker.children];
      const row = getComputedStyle(picker).gridTemplateColumns.split(" ").length;
      const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -row, ArrowDown: row }[event.key];
      if (step !== undefined) all[all.indexOf(document.activeElement) + step]?.focus();
      else if (event.key === "Escape") { this.showPicker(false); opener.focus(); }
      else return;
      event.preventDefault();
      event.stopPropagation();
    });
    document.addEventListener("pointerdown", (event) => {
      if (!picker.hidden && !picker.contains(event.target) && !opener.contains(event.target)) this.showPicker(false);
    });
  }
}

/** Bytes that are too many. Counted only where it can matter: a letter has at most three. */
const excess = (text) => (text.length * 3 <= MOST_BYTES ? 0 : new TextEncoder().encode(text).length - MOST_BYTES);
