// The federation as a picture. Elements are kept and moved, not made anew: a step through time touches what differs.

import { Camera } from "./camera.js";
import { byId, element, setAll, shape } from "./dom.js";
import { Layout } from "./layout.js";
import { Links, linkId } from "./links.js";
import { rate, roundTrip } from "./time.js";

/** Names of peers are shown at bridges with so many peers at most; others have theirs when pointed at. */
const NAMED_PEERS = 12;
/** Gossip alone is no traffic worth a moving line, bytes per second. */
const BUSY = 4000;
const BRIDGE = 22;

/** The picture. */
export class Graph {
  #layout = new Layout();
  #links = new Links();
  #picture = byId("picture");
  #layers = Object.fromEntries(["areas", "homes", "links", "peers", "bridges", "labels"].map((id) => [id, new Layer(byId(id))]));
  #camera = new Camera();
  #places = null;
  #state = null;
  #selected = null;
  #way = new Set();
  #traffic = new Map();
  #isNow = true;

  constructor(select) {
    this.select = select;
    this.#picture.addEventListener("click", (event) => {
      const target = event.target.closest("[data-id]");
      if (!this.#camera.dragged) select(target === null ? null : { kind: target.dataset.kind, id: target.dataset.id });
    });
    this.#point();
  }

  /** Draws a state; of now, with what is measured now. */
  show(state, isNow) {
    this.#state = state;
    this.#isNow = isNow;
    this.#links.meet(state);
    this.#places = this.#layout.place(state);
    this.#draw();
    this.#camera.show([...this.#places.areas.values()]);
  }

  /** Learns of links that were. */
  hear(events) {
    this.#links.hear(events);
    if (this.#state !== null) this.#draw();
  }

  /** Marks what is selected, and the bridges on the way to it. */
  mark(selected, way = []) {
    this.#selected = selected;
    this.#way = new Set(way.slice(1).flatMap((to, index) => [`${way[index]}-${to}`, `${to}-${way[index]}`]));
    if (this.#state !== null) this.#draw();
  }

  /** What this bridge measured of its own links: by the other end's id `{ rtt_us, rate }`. */
  measure(own, traffic) {
    this.own = own;
    this.#traffic = traffic;
    if (this.#state !== null) this.#drawLinks();
  }

  /** The whole picture again. */
  fit() {
    this.#camera.reset();
  }

  zoom(factor) {
    this.#camera.zoom(factor);
  }

  #draw() {
    const { areas, bridges, peers } = this.#places;
    const { layers, labels } = { layers: this.#layers, labels: [] };
    layers.areas.keep([...areas.values()], (area) => area.id, () => shape("circle", { class: "area" }), (made, area) =>
      setAll(made, { cx: round(area.x), cy: round(area.y), r: round(area.radius) }));
    for (const area of areas.values()) {
      labels.push({ id: `area ${area.id}`, class: "area-name", x: area.x, y: area.y - area.radius - 8, text: area.name });
    }
    this.#drawLinks();
    const counts = new Map();
    for (const place of peers.values()) counts.set(place.home, (counts.get(place.home) ?? 0) + 1);
    layers.peers.keep(this.#state.peers.filter((peer) => peers.has(peer.id)), (peer) => peer.id,
      (peer) => shape("circle", { r: 6, "data-kind": "peer", "data-id": peer.id }),
      (made, peer) => {
        const place = peers.get(peer.id);
        const mood = peer.asleep ? "asleep" : peer.no_way === "" ? "" : "away";
        setAll(made, { cx: round(place.x), cy: round(place.y), class: this.#classes("peer", peer.id, mood) });
        const wanted = counts.get(place.home) <= NAMED_PEERS || this.#is("peer", peer.id);
        if (wanted && peer.name !== "") labels.push(besides(peer, place));
      });
    this.#drawHomes();
    layers.bridges.keep(this.#state.bridges, (bridge) => bridge.id,
      (bridge) => shape("rect", { width: 2 * BRIDGE, height: 2 * BRIDGE, rx: 10, "data-kind": "bridge", "data-id": bridge.id }),
      (made, bridge) => {
        const place = bridges.get(bridge.id);
        const mood = `${bridge.state} ${this.#isAway(bridge) ? "away" : ""} ${bridge.forked ? "forked" : ""}`;
        setAll(made, { x: round(place.x - BRIDGE), y: round(place.y - BRIDGE), class: this.#classes("bridge", bridge.id, mood) });
        labels.push({ id: `bridge ${bridge.id}`, class: "name of-bridge", x: place.x, y: place.y + BRIDGE + 15, text: bridge.name || bridge.id.slice(0, 8) });
      });
    layers.labels.keep([...labels, ...this.#linkNames], (label) => label.id, () => shape("text"), (made, label) => {
      setAll(made, { x: round(label.x), y: round(label.y), class: label.class, "text-anchor": label.anchor ?? "middle" });
      if (made.textContent !== label.text) made.textContent = label.text;
    });
  }

  #linkNames = [];

  #drawLinks() {
    const { bridges } = this.#places;
    const drawn = [...this.#state.links, ...this.#links.down(this.#state)].filter((link) => bridges.has(link.one) && bridges.has(link.other));
    this.#linkNames = [];
    this.#layers.links.keep(drawn, linkId, (link) => {
      const made = shape("g", { "data-kind": "link", "data-id": linkId(link) });
      made.append(shape("line"), shape("line", { class: "link-hit" }));
      return made;
    }, (made, link) => {
      const [from, to] = [bridges.get(link.one), bridges.get(link.other)];
      const ends = { x1: round(from.x), y1: round(from.y), x2: round(to.x), y2: round(to.y) };
      const half = !link.down && !(link.one_says_up && link.other_says_up);
      const measured = link.down ? {} : this.#measured(link);
      const mood = `${link.down ? "down" : ""} ${half ? "half" : ""} ${measured.rate > BUSY ? "busy" : ""} ${this.#way.has(linkId(link)) ? "way" : ""}`;
      setAll(made.firstChild, { ...ends, class: this.#classes("link", linkId(link), mood) });
      setAll(made.lastChild, ends);
      this.#linkNames.push({ id: `link ${linkId(link)}`, class: "link-name", x: (from.x + to.x) / 2, y: (from.y + to.y) / 2 - 8, text: linkText(link, measured) });
    });
    for (const label of this.#linkNames) {
      const made = this.#layers.labels.get(label.id);
      if (made !== undefined && made.textContent !== label.text) made.textContent = label.text;
    }
  }

  /** Lines to further homes: the first one is where a peer stands. */
  #drawHomes() {
    const { bridges, peers } = this.#places;
    const lines = this.#state.peers.filter((peer) => peers.has(peer.id)).flatMap((peer) =>
      peer.homes.slice(1).filter(([home]) => bridges.has(home)).map(([home]) => ({ peer: peer.id, home })));
    this.#layers.homes.keep(lines, ({ peer, home }) => `${peer}-${home}`, () => shape("line", { class: "home" }), (made, { peer, home }) => {
      const [from, to] = [peers.get(peer), bridges.get(home)];
      setAll(made, { x1: round(from.x), y1: round(from.y), x2: round(to.x), y2: round(to.y) });
    });
  }

  #measured(link) {
    const other = link.one === this.own ? link.other : link.other === this.own ? link.one : null;
    return (this.#isNow && this.#traffic.get(other)) || {};
  }

  /** Whether nothing leads from the bridge of this page to another one. */
  #isAway(bridge) {
    const from = this.#state.bridges.find((other) => other.id === this.#state.from);
    return from !== undefined && from.island !== bridge.island;
  }

  #is(kind, id) {
    return this.#selected?.kind === kind && this.#selected.id === id;
  }

  #classes(kind, id, mood) {
    return `${kind} ${mood} ${this.#is(kind, id) ? "selected" : ""}`.replace(/\s+/g, " ").trim();
  }

  #point() {
    const tip = byId("tip");
    this.#picture.addEventListener("pointerover", (event) => {
      const target = event.target.closest("[data-id]");
      tip.hidden = target === null || this.#state === null;
      if (tip.hidden) return;
      const { kind, id } = target.dataset;
      const all = { peer: this.#state.peers, bridge: this.#state.bridges }[kind] ?? [];
      const node = all.find((it) => it.id === id);
      tip.textContent = node === undefined ? "link: click for its ups and downs" : node.name || node.id.slice(0, 8);
      const here = this.#picture.getBoundingClientRect();
      tip.style.left = `${event.clientX - here.left + 14}px`;
      tip.style.top = `${event.clientY - here.top + 14}px`;
    });
    this.#picture.addEventListener("pointerleave", () => { tip.hidden = true; });
  }

}

/** Elements of one kind by key. */
class Layer {
  #made = new Map();

  constructor(parent) {
    this.parent = parent;
  }

  get(key) {
    return this.#made.get(key);
  }

  /** One element for each item: those that stay are changed, the others made or removed. */
  keep(items, keyOf, make, change) {
    const gone = new Set(this.#made.keys());
    for (const item of items) {
      const key = keyOf(item);
      gone.delete(key);
      let made = this.#made.get(key);
      if (made === undefined) {
        made = make(item);
        this.#made.set(key, made);
        this.parent.append(made);
      }
      change(made, item);
    }
    for (const key of gone) {
      this.#made.get(key).remove();
      this.#made.delete(key);
    }
  }
}

const round = (number) => Math.round(number * 10) / 10;

/** A peer's name outside of its ring. */
function besides(peer, place) {
  const sideways = Math.abs(place.dx) > 12;
  return {
    id: `peer ${peer.id}`, class: "name",
    x: place.x + (sideways ? Math.sign(place.dx) * 10 : 0), y: place.y + (sideways ? 4 : place.dy < 0 ? -11 : 20),
    anchor: sideways ? (place.dx > 0 ? "start" : "end") : "middle",
    text: peer.name.length > 16 ? `${peer.name.slice(0, 15)}…` : peer.name,
  };
}

function linkText(link, measured) {
  if (link.down) return "down";
  const half = !(link.one_says_up && link.other_says_up);
  const parts = [half ? "one end only" : roundTrip(measured.rtt_us ?? link.cost_us)];
  if (measured.rate > 0) parts.push(rate(measured.rate));
  return parts.join(" · ");
}

/** The kinds of lines and shapes, for the legend. */
export const legend = () => element("p", { className: "quiet", textContent:
  "Squares are bridges, circles their peers, lines links. Hollow red: nothing leads there. Dashed: one end alone calls the link up. Dotted: it is down." });
