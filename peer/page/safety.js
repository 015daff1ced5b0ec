// The safety number, and the warning when a name turns up under another key.

import { ask, tell } from "./api.js";
import { byId, drawCode, element, open, say } from "./dom.js";
import { isDoubtful } from "./person.js";
import { called, short } from "./text.js";

export class Safety {
  /** @param {(error: Error) => void} failed */
  constructor(failed) {
    this.failed = failed;
    this.person = null;
    this.dialog = byId("safety");
    byId("verify").addEventListener("click", () => this.mark().catch(failed));
  }

  async open(person) {
    this.person = person;
    const { digits, code } = await ask("safety", { peer: person.id });
    say(byId("safety-title"), `You and ${called(person)}`);
    say(this.dialog.querySelector(".digits"), digits);
    drawCode(this.dialog.querySelector(".code"), code);
    say(byId("safety-id"), `${person.id}`);
    this.show(person);
    open(this.dialog);
  }

  /** Keeps the button true while the dialog is open. */
  show(person) {
    if (person?.id !== this.person?.id) return;
    this.person = person;
    const button = byId("verify");
    button.classList.toggle("main", !person.verified);
    say(button, person.verified ? "Take the mark back" : "They are the same");
  }

  async mark() {
    const { id, verified } = this.person;
    await tell("verified", { peer: id, verified: !verified });
    this.dialog.close();
  }

  /** The banner of a conversation. */
  warn(person, people, block) {
    const banner = byId("warning");
    const key = person && isDoubtful(person) ? `${person.id} ${person.namesakes.join()}` : "";
    if (banner.dataset.key === key) return;
    banner.dataset.key = key;
    banner.hidden = key === "";
    if (key === "") return banner.replaceChildren();
    const others = person.namesakes.map((id) => {
      const other = people.get(id);
      return `${short(id)}${other?.verified ? " (verified)" : other?.contact ? " (you have talked to it)" : ""}`;
    });
    const compare = element("button", { className: "main", textContent: "Compare safety numbers" });
    compare.addEventListener("click", () => this.open(this.current(people, person)).catch(this.failed));
    const refuse = element("button", { textContent: "Block" });
    refuse.addEventListener("click", () => block(person.id));
    banner.replaceChildren(
      element("p", {}, element("b", {}, "The name ", element("bdi", { textContent: called(person) }), " is used by more than one key.")),
      element("p", { textContent: `This is ${short(person.id)}. The same name has ${others.join(", ")}. One of them may pretend to be the other: before you trust what you read here, compare the safety number with the person you know.` }),
      element("p", { className: "buttons" }, compare, refuse));
  }

  current(people, person) {
    return people.get(person.id) ?? person;
  }
}
