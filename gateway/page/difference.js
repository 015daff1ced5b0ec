// What differs between two moments, and what happened between them.

import { ask } from "./bridge.js";
import { byId, element } from "./dom.js";
import { eventRow } from "./events.js";
import { duration, timeOfDay } from "./time.js";

/** Events between the two that are listed. */
const EVENTS = 300;
const MOODS = {
  bridge_joined: "good", peer_joined: "good", link_up: "good",
  bridge_gone: "bad", peer_left: "bad", link_down: "bad", islands: "bad",
};

/** The panel. */
export class Difference {
  #panel = byId("difference");
  #asked = null;

  constructor(go) {
    this.go = go;
    this.show(null, 0);
  }

  /** Shows what differs between a marked moment, if there is one, and the one that is shown. */
  async show(mark, moment) {
    this.#asked?.abort();
    if (mark === null) {
      this.#panel.replaceChildren(element("p", { className: "quiet", textContent:
        "Go to a moment and press “Compare from here”. Then go to another one: what differs stands here." }));
      return;
    }
    this.#asked = new AbortController();
    const { signal } = this.#asked;
    const [since, until] = [Math.min(mark, moment), Math.max(mark, moment)];
    const [difference, between] = await Promise.all([
      ask("difference", { since, until }, signal), ask("events", { since: since + 1, until, last: EVENTS }, signal)]);
    const changes = difference.changes.map((change) => element("li", { className: "row" },
      element("span", { className: "kind", textContent: change.kind.replaceAll("_", " "), dataset: { mood: MOODS[change.kind] ?? "warn" } }),
      element("span", { className: "text", textContent: change.text })));
    this.#panel.replaceChildren(
      element("h2", { textContent: `${timeOfDay(since)} to ${timeOfDay(until)}` }),
      element("p", { className: "quiet", textContent: since === until ? "The same moment: move the slider." : duration(until - since) }),
      element("h3", { textContent: "What differs" }),
      changes.length === 0 ? element("p", { textContent: "Nothing." }) : element("ul", {}, changes),
      element("h3", { textContent: `What happened (${between.events.length}${between.events.length === EVENTS ? " or more, the last ones" : ""})` }),
      element("ul", {}, between.events.toReversed().map((event) => eventRow(event, this.go))));
  }
}
