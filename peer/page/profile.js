// Who one is: name, id, notifications.

import { tell } from "./api.js";
import { byId, drawCode, open, say } from "./dom.js";
import { clean, short } from "./text.js";

export class Profile {
  /** @param {(error: Error) => void} failed */
  constructor(failed) {
    this.me = null;
    this.dialog = byId("profile");
    byId("me").addEventListener("click", () => this.open());
    byId("save-name").addEventListener("click", () => this.save().catch(failed));
    byId("rename").addEventListener("keydown", (event) => { if (event.key === "Enter") this.save().catch(failed); });
    byId("copy-id").addEventListener("click", async (event) => {
      await navigator.clipboard?.writeText(this.me.id).catch(() => {});
      event.target.textContent = "Copied";
    });
  }

  hear(me) {
    this.me = me;
    say(byId("own-name"), clean(me.name) || short(me.id));
    say(byId("own-network"), clean(me.network));
    say(byId("own-id"), me.id);
    say(byId("version"), `Causeway ${me.version}`);
  }

  open() {
    if (this.me === null) return;
    byId("rename").value = this.me.name;
    say(byId("copy-id"), "Copy the id");
    drawCode(this.dialog.querySelector(".code"), this.me.code);
    open(this.dialog);
  }

  async save() {
    const name = byId("rename").value.trim();
    if (name !== this.me.name) await tell("rename", { name });
    this.dialog.close();
  }
}
