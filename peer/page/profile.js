// Who one is: name, id, notifications.

import { Refused, tell } from "./api.js";
import { byId, copy, drawCode, open, say } from "./dom.js";
import { clean, short } from "./text.js";

export class Profile {
  /** @param {(error: Error) => void} failed */
  constructor(failed) {
    this.me = null;
    this.dialog = byId("profile");
    byId("me").addEventListener("click", () => this.open());
    byId("save-name").addEventListener("click", () => this.save().catch(failed));
    byId("rename").addEventListener("keydown", (event) => { if (event.key === "Enter" && !event.isComposing) this.save().catch(failed); });
    byId("copy-id").addEventListener("click", async () => say(byId("copy-id"), (await copy(this.me.id)) ? "Copied" : "Not copied: select it instead"));
  }

  hear(me) {
    this.me = me;
    say(byId("own-name"), clean(me.name) || short(me.id));
    say(byId("own-network"), clean(me.network));
    say(byId("own-id"), me.id);
    say(byId("version"), `Causeway ${me.version}`);
    byId("kept").hidden = me.kept_by === null;
    say(byId("kept-by"), me.kept_by === null ? "" : new URL(me.kept_by).host);
  }

  open() {
    if (this.me === null) return;
    byId("rename").value = this.me.name;
    this.note();
    say(byId("copy-id"), "Copy the id");
    drawCode(this.dialog.querySelector(".code"), this.me.code);
    open(this.dialog);
  }

  async save() {
    const name = byId("rename").value.trim();
    try {
      if (name !== this.me.name) await tell("rename", { name });
      this.dialog.close();
    } catch (error) {
      if (!(error instanceof Refused) || error.status === 401) throw error;
      this.note(error.sentence);
    }
  }

  /** What is said under the name: about names, or what is wrong with this one. */
  note(wrong = "") {
    byId("rename-note").classList.toggle("wrong", wrong !== "");
    say(byId("rename-note"), clean(wrong) || "A name is for people. Others know you by your id, which stays the same.");
  }
}
