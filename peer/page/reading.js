// What was read: told to the peer for what stood before the person's eyes, and for nothing else.

import { tell } from "./api.js";
import { spaced } from "./dom.js";

const PACE_MS = 300;

export class Reading {
  constructor() {
    /** The newest that was seen, and the newest that was told, of each epoch with each peer. */
    this.seen = new Map();
    this.told = new Map();
    this.tellSoon = spaced(PACE_MS, () => this.tell());
  }

  see(peer, items) {
    for (const { epoch, sequence } of items) {
      const key = `${peer} ${epoch}`;
      if ((this.seen.get(key)?.through ?? 0) < sequence) this.seen.set(key, { peer, epoch, through: sequence });
    }
    if ([...this.seen].some(([key, { through }]) => this.isNews(key, through))) this.tellSoon();
  }

  isNews(key, through) {
    return (this.told.get(key) ?? 0) < through;
  }

  async tell() {
    for (const [key, seen] of this.seen) {
      if (!this.isNews(key, seen.through)) continue;
      const before = this.told.get(key) ?? 0;
      this.told.set(key, seen.through);
      // It is told again with the next look: when more comes, when the peer is back, when somebody looks at the page.
      await tell("read", { ...seen }).catch(() => this.told.set(key, before));
    }
  }
}
