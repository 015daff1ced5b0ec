// What is selected: a peer with why it is known and the way to it, a bridge, or a link with its ups and downs.

import { ask } from "./bridge.js";
import { byId, element } from "./dom.js";
import { eventRow } from "./events.js";
import { legend } from "./graph.js";
import { linkId } from "./links.js";
import { dateTime, duration, parse, roundTrip } from "./time.js";

/** Events of a link that are read; both ends tell of each. */
const LINK_EVENTS = 500;

/** The panel. */
export class Selection {
  #panel = byId("selection");
  #asked = null;

  constructor(go, select) {
    this.go = go;
    this.select = select;
    this.#nothing();
  }

  /** Shows what is selected as of a moment. Gives the bridges on the way to it. */
  async show(selected, state, at) {
    this.#asked?.abort();
    this.#asked = new AbortController();
    const { signal } = this.#asked;
    if (selected === null) return this.#nothing();
    if (selected.kind === "peer") return this.#peer(selected.id, at, signal);
    if (selected.kind === "bridge") return this.#bridge(selected.id, state, at, signal);
    return this.#link(selected.id, state, at, signal);
  }

  #nothing() {
    this.#panel.replaceChildren(element("p", { className: "quiet", textContent:
      "Nothing is selected. Click a peer to see how it is known and the way to it, a link to see its ups and downs." }), legend());
    return [];
  }

  async #peer(id, at, signal) {
    const why = await ask("why", { peer: id, at }, signal);
    const sightings = why.sightings.map((sighting) => [
      eventRow(sighting.event, this.go),
      sighting.arrival && element("p", { className: "quiet", textContent: sighting.arrival }),
      !sighting.counts && element("p", { className: "quiet", textContent: sighting.reason }),
    ].filter(Boolean));
    this.#panel.replaceChildren(
      ...heading(why.name, "peer", why.id),
      element("h3", { textContent: "The way to it" }),
      ...why.routes.map((from) => element("p", {}, `from ${from.bridge_name || from.bridge.slice(0, 8)}: `,
        element("span", { className: "way-text", textContent: wayText(from.route) }))),
      element("h3", { textContent: "Why it is known" }),
      why.sightings.length === 0 ? element("p", { textContent: "No bridge names it at this moment." }) : element("ul", {}, sightings),
      element("h3", { textContent: "Its last events" }),
      element("ul", {}, why.history.toReversed().map((event) => eventRow(event, this.go))));
    return why.routes[0]?.route?.bridges ?? [];
  }

  async #bridge(id, state, at, signal) {
    const bridge = state.bridges.find((it) => it.id === id);
    if (bridge === undefined) {
      this.#panel.replaceChildren(element("p", { textContent: "No log names this bridge at this moment." }));
      return [];
    }
    const { events } = await ask("events", { node: id, until: at, last: 50 }, signal);
    const network = state.networks.find((it) => it.id === bridge.network);
    const here = state.peers.filter((peer) => peer.homes.some(([home]) => home === id));
    const links = state.links.filter((link) => link.one === id || link.other === id);
    const names = new Map(state.bridges.map((it) => [it.id, it.name]));
    this.#panel.replaceChildren(
      ...heading(bridge.name, "bridge", id),
      facts({ Network: network?.name ?? "unknown", State: bridge.forked ? `${bridge.state}; it signed two histories` : bridge.state,
        "Runs since": dateTime(bridge.started), "Last event": dateTime(bridge.last_event), Events: bridge.events, Peers: here.length }),
      element("h3", { textContent: "Links" }),
      links.length === 0 ? element("p", { textContent: "None is up." }) : element("ul", {}, links.map((link) => element("li", {}, element("button", {
        className: "row", onclick: () => this.select({ kind: "link", id: linkId(link) }),
        textContent: `${names.get(link.one === id ? link.other : link.one) || "unnamed"}: ${linkState(link, names)}` })))),
      element("h3", { textContent: "Its last events" }),
      element("ul", {}, events.toReversed().map((event) => eventRow(event, this.go))));
    return [];
  }

  async #link(id, state, at, signal) {
    const [one, other] = id.split("-");
    const names = new Map(state.bridges.map((it) => [it.id, it.name || it.id.slice(0, 8)]));
    const asked = { node: one, until: at, last: LINK_EVENTS, kinds: "link_up,link_down" };
    const [{ events }, outages] = await Promise.all([ask("events", asked, signal), ask("outages", { until: at }, signal)]);
    const both = events.filter((event) => event.subject === other || event.bridge === other);
    const own = outages.filter((it) => (it.one === one && it.other === other) || (it.one === other && it.other === one));
    const link = state.links.find((it) => linkId(it) === id);
    this.#panel.replaceChildren(
      element("h2", { textContent: `${names.get(one) ?? one.slice(0, 8)} – ${names.get(other) ?? other.slice(0, 8)}` }),
      element("p", { className: "way-text", textContent: link === undefined ? "down" : linkState(link, names) }),
      link === undefined ? "" : facts({ Cost: roundTrip(link.cost_us), "So since": dateTime(link.since) }),
      element("h3", { textContent: "Longest times down" }),
      own.length === 0 ? element("p", { className: "quiet", textContent: "None." }) : element("ul", {}, own.map((it) => element("li", {}, element("button", {
        className: "row", onclick: () => this.go(parse(it.from)),
        textContent: `${duration(it.milliseconds)} from ${dateTime(parse(it.from))}${it.to === null ? ", and still" : ""}` })))),
      element("h3", { textContent: "Ups and downs" }),
      element("ul", {}, both.toReversed().map((event) => eventRow(event, this.go))));
    return [];
  }
}

function heading(name, kind, id) {
  return [element("h2", { textContent: `${name || id.slice(0, 8)} (${kind})` }), element("p", { className: "id", textContent: id })];
}

function facts(all) {
  return element("dl", {}, Object.entries(all).flatMap(([name, value]) => [element("dt", { textContent: name }), element("dd", { textContent: String(value) })]));
}

function wayText(route) {
  if (route === null || route.bridges.length === 0) return `no way: ${route?.reason ?? "unknown"}`;
  if (route.bridges.length === 1) return `in the network of ${route.names[0]}`;
  return `${route.names.join(" → ")}, ${roundTrip(route.cost_us)}`;
}

function linkState(link, names) {
  if (link.one_says_up && link.other_says_up) return "up";
  return `only ${names.get(link.one_says_up ? link.one : link.other) ?? "one end"} calls it up`;
}
