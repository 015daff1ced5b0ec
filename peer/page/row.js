// A person in the list: made once, and changed in place, so that a press that takes its time still meets it.

import { element, say } from "./dom.js";
import { hue, initial, isDoubtful, way } from "./person.js";
import { clean, short } from "./text.js";
import { ago, said } from "./time.js";

export class Row {
  constructor(id) {
    this.face = element("span", { className: "face", ariaHidden: "true" });
    this.face.style.background = `hsl(${hue(id)} 42% 42%)`;
    this.name = element("bdi");
    this.id = element("small", { textContent: ` · ${short(id)}` });
    this.verified = element("span", { className: "mark-good", title: "Safety number compared", role: "img", ariaLabel: "verified", textContent: " ✓" });
    this.doubt = element("span", { className: "mark-warn", title: "The same name under two keys", role: "img", ariaLabel: "the same name under two keys", textContent: " ⚠" });
    this.blocked = element("small", { textContent: " · blocked" });
    this.mine = element("span");
    this.last = element("bdi");
    this.where = element("span", { className: "unseen" });
    this.time = element("time");
    this.unread = element("span", { className: "unread" });
    this.button = element("button", { className: "row", tabIndex: -1, dataset: { id } }, this.face,
      element("span", { className: "lines" }, element("b", {}, this.name, this.id, this.verified, this.doubt, this.blocked),
        element("span", { className: "last" }, this.mine, this.last), this.where),
      element("span", { className: "side" }, this.time, this.unread));
    this.element = element("li", {}, this.button);
  }

  /** Gives the element, which shows the person as they are now. */
  update(person, isShared, isOpen) {
    if (this.person === person && this.isShared === isShared && this.isOpen === isOpen) return this.element;
    Object.assign(this, { person, isShared, isOpen });
    const { button, unread } = this;
    Object.assign(button.dataset, { state: person.state, unread: person.unread, blocked: person.blocked });
    button.setAttribute("aria-current", String(isOpen));
    button.title = way(person);
    say(this.face, initial(person));
    say(this.name, person.called);
    this.id.hidden = !isShared;
    this.verified.hidden = !person.verified;
    this.doubt.hidden = !isDoubtful(person);
    this.blocked.hidden = !person.blocked;
    this.preview(person);
    say(this.time, person.last === null ? "" : ago(said(person.last)));
    unread.hidden = person.unread === 0;
    say(unread, person.unread > 999 ? "999+" : String(person.unread));
    unread.ariaLabel = `${person.unread} unread`;
    return this.element;
  }

  preview(person) {
    const { last } = person;
    const isTalk = last !== null && !person.typing;
    this.last.parentElement.classList.toggle("typing", person.typing);
    say(this.mine, isTalk && last.out ? (last.state === "queued" ? "You (waits): " : last.state === "refused" ? "You (refused): " : "You: ") : "");
    say(this.last, person.typing ? "is writing…" : last === null ? way(person) : last.unknown > 0 ? "[something this version cannot show]" : clean(last.text));
    say(this.where, isTalk ? `, ${way(person)}` : "");
  }
}
