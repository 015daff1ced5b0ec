// A part of a conversation without gaps: messages in the order of their positions, and whether there are more at the ends.

/** How far a message of one's own has come. */
const STEPS = ["queued", "at_peer", "read"];

export class Slice {
  constructor({ messages = [], older = false, newer = false } = {}) {
    this.items = messages;
    this.older = older;
    this.newer = newer;
  }

  get size() {
    return this.items.length;
  }

  get first() {
    return this.items[0]?.position ?? 0;
  }

  get last() {
    return this.items.at(-1)?.position ?? 0;
  }

  /**
   * Takes over what is told of a message: `new`, `changed`, or `known`. What lies beyond an end where more is missing stays
   * out, for it would leave a gap: that is `beyond`.
   */
  put(item) {
    const place = this.#place(item.position);
    const known = this.items[place];
    if (known?.position === item.position) {
      if (isBehind(item, known)) return "known";
      this.items[place] = item;
      return "changed";
    }
    if (place === 0 && this.older) return "known";
    if (place === this.size && this.newer) return "beyond";
    this.items.splice(place, 0, item);
    return "new";
  }

  /** Takes over what was asked for at one end: `older` or `newer`. */
  extend(end, found) {
    // While the end is open, everything that lies beyond it is attached.
    this[end] = false;
    for (const item of found.messages) this.put(item);
    this[end] = found[end];
  }

  /** Leaves out what is more than `most` at one end. */
  trim(end, most) {
    const excess = this.size - most;
    if (excess <= 0) return;
    this.items.splice(end === "older" ? 0 : most, excess);
    this[end] = true;
  }

  /** Where a position is, or would be. */
  #place(position) {
    let [low, high] = [0, this.size];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.items[middle].position < position) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Whether what is told of a message was overtaken by what is known: answers and news come by two ways. */
function isBehind(told, known) {
  const step = STEPS.indexOf(told.state);
  return step >= 0 && step < STEPS.indexOf(known.state);
}
