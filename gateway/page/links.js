// Links that the page has heard of: one that is down is in no state, and still what somebody looks for.

/** The digits of ids, by value: RFC 4648, section 6. */
const DIGITS = "abcdefghijklmnopqrstuvwxyz234567";

/** What a link is called here: its ends, the lower id first, as the service gives them. */
export const linkId = (link) => `${link.one}-${link.other}`;

/** Remembers links, and since when each was known to be up once. */
export class Links {
  #known = new Map();

  /** Learns from a state. */
  meet(state) {
    for (const link of state.links) this.#note(link.one, link.other, Math.min(link.since, state.at));
  }

  /** Learns from events. */
  hear(events) {
    for (const event of events) {
      if (event.kind !== "link_up" && event.kind !== "link_down") continue;
      const [one, other] = inOrder(event.bridge, event.subject);
      this.#note(one, other, Date.parse(event.time));
    }
  }

  /** Those that had been up by the moment of a state and are not in it. */
  down(state) {
    const up = new Set(state.links.map(linkId));
    const gone = [...this.#known.values()].filter((link) => !up.has(linkId(link)) && link.since <= state.at);
    return gone.map((link) => ({ ...link, down: true }));
  }

  #note(one, other, since) {
    const id = linkId({ one, other });
    const before = this.#known.get(id)?.since ?? Infinity;
    this.#known.set(id, { one, other, since: Math.min(before, since) });
  }
}

function inOrder(one, other) {
  const place = [...one].findIndex((digit, index) => digit !== other[index]);
  return DIGITS.indexOf(one[place]) < DIGITS.indexOf(other[place]) ? [one, other] : [other, one];
}
