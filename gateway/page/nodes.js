// Everybody as a list: what the picture shows, for the keyboard, for screen readers, and to search.

import { byId, element } from "./dom.js";

/** Rows at most; who is not among them is found by typing. */
const ROWS = 200;

/** The panel. */
export class Nodes {
  #panel = byId("nodes");
  #search = byId("search");
  #state = null;
  #dirty = false;

  constructor(select) {
    this.select = select;
    this.#search.addEventListener("input", () => this.#draw());
  }

  /** Shows a state, once somebody looks. */
  show(state) {
    this.#state = state;
    this.#dirty = true;
    this.look();
  }

  /** The panel may have become visible. */
  look() {
    if (this.#dirty && !this.#panel.hidden) this.#draw();
  }

  focus() {
    this.#search.focus();
    this.#search.select();
  }

  #draw() {
    if (this.#state === null) return;
    this.#dirty = false;
    const sought = this.#search.value.trim().toLowerCase();
    const fits = (node) => sought === "" || node.name.toLowerCase().includes(sought) || node.id.startsWith(sought);
    const networks = new Map(this.#state.networks.map((network) => [network.id, network.name]));
    const bridges = new Map(this.#state.bridges.map((bridge) => [bridge.id, bridge]));
    const rows = this.#state.bridges.filter(fits).map((bridge) =>
      this.#row("bridge", bridge, `bridge of ${networks.get(bridge.network) ?? "an unknown network"}, ${bridge.state}`));
    for (const peer of this.#state.peers.filter(fits)) {
      const homes = peer.homes.map(([home]) => bridges.get(home)?.name || home.slice(0, 8)).join(", ");
      const how = peer.asleep ? "asleep" : peer.no_way === "" ? "reachable" : `no way: ${peer.no_way}`;
      rows.push(this.#row("peer", peer, `peer at ${homes || "no bridge"}; ${how}`));
    }
    const total = this.#state.bridges.length + this.#state.peers.length;
    const hidden = rows.length - ROWS;
    this.#panel.querySelector(".count").textContent =
      `${rows.length} of ${total} nodes${hidden > 0 ? `; the first ${ROWS} are shown, type to find the others` : ""}`;
    this.#panel.querySelector("ul").replaceChildren(...rows.slice(0, ROWS));
  }

  #row(kind, node, text) {
    return element("li", {}, element("button",
      { className: "row", onclick: () => this.select({ kind, id: node.id }), dataset: { node: node.id } },
      element("strong", { textContent: node.name || node.id.slice(0, 8) }),
      element("span", { className: "text quiet", textContent: text })));
  }
}
