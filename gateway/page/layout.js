// Where everything stands. A place depends on what was shown before as little as possible: a peer keeps its place at a
// bridge for as long as the page is open, so that moving through time moves only what moved.

const RING = 72; // of the first peers around a bridge
const RING_STEP = 19;
const RING_SPACE = 17; // between peers of a ring
const FIRST_RING = 12;
const MARGIN = 26;
const GAP = 90; // between networks, for the links and their names
const CIRCLE = 8; // so many networks stand in a circle, more in rows

/** The place of a number around a bridge: rings, the first one wide enough for names. */
export function slot(number) {
  let ring = 0;
  let before = 0;
  let size = FIRST_RING;
  while (number >= before + size) {
    before += size;
    ring += 1;
    size = Math.floor((2 * Math.PI * (RING + ring * RING_STEP)) / RING_SPACE);
  }
  const radius = RING + ring * RING_STEP;
  // The first ones stand apart from each other, not in a row.
  const place = ring === 0 ? (number * 5) % FIRST_RING : number - before;
  const angle = (place / size) * 2 * Math.PI + ring * 0.4 - Math.PI / 2 + Math.PI / FIRST_RING;
  return { x: radius * Math.cos(angle), y: radius * Math.sin(angle), radius, ring };
}

/** Gives places, and remembers them. */
export class Layout {
  #slots = new Map(); // bridge -> peer -> number
  #networks = new Map(); // network -> bridges, in the order in which they were first shown

  /** Places of a state: `areas`, `bridges` and `peers`, each a map by id. */
  place(state) {
    this.#meet(state);
    const clusters = new Map(state.bridges.map((bridge) => [bridge.id, this.#clusterRadius(bridge.id)]));
    const present = new Set(state.bridges.map((bridge) => bridge.network));
    const names = new Map(state.networks.map((network) => [network.id, network.name]));
    const areas = [...this.#networks].filter(([id]) => present.has(id)).map(([id, bridges]) => {
      const here = [...bridges].filter((bridge) => clusters.has(bridge));
      return { id, name: names.get(id) ?? "", ...arrange(here, clusters) };
    });
    spread(areas);
    const bridges = new Map();
    for (const area of areas) {
      for (const [id, offset] of area.offsets) bridges.set(id, { x: area.x + offset.x, y: area.y + offset.y });
    }
    return { areas: new Map(areas.map((area) => [area.id, area])), bridges, peers: this.#peers(state, bridges) };
  }

  #meet(state) {
    for (const bridge of [...state.bridges].sort((one, other) => (one.id < other.id ? -1 : 1))) {
      if (!this.#networks.has(bridge.network)) this.#networks.set(bridge.network, new Set());
      this.#networks.get(bridge.network).add(bridge.id);
    }
    for (const peer of state.peers) {
      for (const [home] of peer.homes.slice(0, 1)) {
        if (!this.#slots.has(home)) this.#slots.set(home, new Map());
        const slots = this.#slots.get(home);
        if (!slots.has(peer.id)) slots.set(peer.id, slots.size);
      }
    }
  }

  #clusterRadius(bridge) {
    const count = this.#slots.get(bridge)?.size ?? 0;
    return count === 0 ? 44 : slot(count - 1).radius + MARGIN;
  }

  #peers(state, bridges) {
    const places = new Map();
    for (const peer of state.peers) {
      const home = peer.homes[0]?.[0];
      const centre = bridges.get(home);
      if (centre === undefined) continue;
      const at = slot(this.#slots.get(home).get(peer.id));
      places.set(peer.id, { x: centre.x + at.x, y: centre.y + at.y, dx: at.x, dy: at.y, ring: at.ring, home });
    }
    return places;
  }
}

/** The bridges of a network around its centre. */
function arrange(bridges, clusters) {
  const largest = Math.max(...bridges.map((bridge) => clusters.get(bridge)));
  const radius = bridges.length === 1 ? 0 : largest / Math.sin(Math.PI / bridges.length);
  const offsets = new Map(bridges.map((bridge, index) => {
    const angle = (index / bridges.length) * 2 * Math.PI - Math.PI / 2;
    return [bridge, { x: radius * Math.cos(angle), y: radius * Math.sin(angle) }];
  }));
  return { radius: radius + largest + MARGIN, offsets };
}

/** The networks side by side: in a circle while they are few, else in rows. */
function spread(areas) {
  const count = areas.length;
  const largest = Math.max(0, ...areas.map((area) => area.radius));
  if (count <= 2) {
    let x = 0;
    for (const area of areas) {
      Object.assign(area, { x: x + area.radius, y: 0 });
      x += 2 * area.radius + GAP;
    }
  } else if (count <= CIRCLE) {
    const radius = (largest + GAP / 2) / Math.sin(Math.PI / count);
    areas.forEach((area, index) => {
      const angle = (index / count) * 2 * Math.PI - Math.PI / 2;
      Object.assign(area, { x: radius * Math.cos(angle), y: radius * Math.sin(angle) });
    });
  } else {
    const columns = Math.ceil(Math.sqrt(count * 1.5));
    const cell = 2 * largest + GAP;
    areas.forEach((area, index) => Object.assign(area, { x: (index % columns) * cell, y: Math.floor(index / columns) * cell }));
  }
}
