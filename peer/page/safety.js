// The safety number, and the warning when a name turns up under another key.

import { ask, tell } from "./api.js";
import { byId, drawCode, element, open, say } from "./dom.js";
import { isDoubtful } from "./person.js";
import { short } from "./text.js";

const MOST_NAMED = 3;

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
    say(byId("safety-title"), `You and ${person.called}`);
    say(this.dialog.querySelector(".digits"), digits);
    drawCode(this.dialog.querySelector(".code"), code);
    say(byId("safety-id"), person.id);
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
    const others = person && isDoubtful(person) ? namesakes(person, people) : "";
    const key = others === "" ? "" : `${person.id} ${person.called} ${others} ${person.blocked}`;
    if (banner.dataset.key === key) return;
    banner.dataset.key = key;
    banner.hidden = key === "";
    if (key === "") return banner.replaceChildren();
    const compare = element("button", { className: "main", textContent: "Compare safety numbers" });
    compare.addEventListener("click", () => this.open(people.get(person.id) ?? person).catch(this.failed));
    const refuse = element("button", { textContent: "Block", hidden: person.blocked });
    refuse.addEventListener("click", () => block(person.id));
    banner.replaceChildren(
      element("p", {}, element("b", {}, "The name ", element("bdi", { textContent: person.called }), " is used by more than one key.")),
      element("p", { textContent: `This is ${short(person.id)}. The same name has ${others}. One of them may pretend to be the other: before you trust what you read here, compare the safety number with the person you know.` }),
      element("p", { className: "buttons" }, compare, refuse));
  }
}

/** Who else has the name, as many as one can take in. */
function namesakes(person, people) {
  const told = person.namesakes.slice(0, MOST_NAMED).map((id) => {
    const other = people.get(id);
    return `${short(id)}${other?.verified ? " (verified)" : other?.contact ? " (you have talked to it)" : ""}`;
  });
  const more = person.namesakes.length - told.length;
  return more > 0 ? `${told.join(", ")} and ${more} more` : told.join(", ");
}
