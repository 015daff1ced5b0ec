// The slider over the whole history, how events lie in it, and playing.

import { ask } from "./bridge.js";
import { byId, setAll, shape, spaced } from "./dom.js";
import { dateTime, duration } from "./time.js";

/** Bars of events; each is one question's slice. */
const SLICES = 240;
/** While it plays, a pause without events lasts so long at most. */
const LONGEST_PAUSE_MS = 1500;
/** Events that are read ahead while it plays. */
const AHEAD = 200;

/** Gives moments: milliseconds since 1970, 0 for now. */
export class Timeline {
  #slider = byId("time");
  #first = 0;
  #last = 0;
  #counted = 0;
  #window = { from: 0, to: 1 };
  #at = 0;
  #mark = null;
  #playing = null;
  #readDensity = spaced(4000, () => this.#density().catch(this.failed));

  /** `go(moment, event)` is told where to; `failed(error)` why not. */
  constructor(go, failed) {
    this.go = go;
    this.failed = failed;
    this.#slider.addEventListener("input", () => this.#slid());
    this.#slider.addEventListener("keydown", (event) => this.#onKey(event));
    byId("span").addEventListener("change", () => { this.#rewindow(); this.#density().catch(failed); });
    byId("before").addEventListener("click", () => this.step(-1).catch(failed));
    byId("after").addEventListener("click", () => this.step(1).catch(failed));
    byId("now").addEventListener("click", () => this.moveTo(0));
    byId("play").addEventListener("click", () => this.togglePlay());
  }

  /** Reads how far the history goes. */
  async open() {
    await this.#density();
  }

  /** It is later now, by the bridge's clock; something may have happened. */
  grow(now, happened = false) {
    this.#last = Math.max(this.#last, now);
    this.#rewindow();
    // Bars stand where they were counted: anew once that is seen.
    const stale = now - this.#counted > (now - this.#first) / 100;
    if (happened || stale) this.#readDensity();
  }

  /** The moment that is shown; 0 for now. */
  get at() {
    return this.#at;
  }

  /** The moment as a number, also of now. */
  get moment() {
    return this.#at === 0 ? this.#last : this.#at;
  }

  /** Goes to a moment, and tells. */
  moveTo(at, event = "") {
    this.#at = at >= this.#last && event === "" ? 0 : at;
    this.#put();
    this.go(this.#at, event);
  }

  /** Marks a moment to compare with, or none. */
  mark(at) {
    this.#mark = at;
    this.#put();
  }

  /** To the event after (1) or before (-1) the moment. */
  async step(direction) {
    this.pause();
    const here = this.moment;
    const asked = direction < 0 ? { until: here - 1, last: 1 } : { since: here + 1, first: 1 };
    if (direction > 0 && this.#at === 0) return;
    const { events } = await ask("events", asked);
    if (events.length > 0) this.moveTo(Date.parse(events[0].time), direction < 0 ? "" : events[0].id);
    else this.moveTo(direction < 0 ? this.#first : 0);
  }

  togglePlay() {
    if (this.#playing !== null) this.pause();
    else this.#play().catch((error) => { this.pause(); this.failed(error); });
  }

  pause() {
    if (this.#playing !== null) cancelAnimationFrame(this.#playing.frame);
    this.#playing = null;
    this.#pressPlay(false);
  }

  // --- playing --------------------------------------------------------------------------------------------------

  async #play() {
    if (this.#at === 0) this.moveTo(this.#window.from);
    const playing = { frame: 0, clock: this.moment, upcoming: [], last: performance.now() };
    this.#playing = playing;
    this.#pressPlay(true);
    while (this.#playing === playing) {
      const since = Math.floor(playing.clock) + 1;
      const { events } = await ask("events", { since, first: AHEAD });
      playing.upcoming = events.map((event) => Date.parse(event.time));
      if (events.length === 0) {
        if (this.#playing === playing) this.moveTo(0);
        this.pause();
        return;
      }
      await this.#playThrough(playing);
    }
  }

  /** Until the events that were read ahead have passed. */
  #playThrough(playing) {
    return new Promise((done) => {
      const frame = (now) => {
        if (this.#playing !== playing) return done();
        const speed = Number(byId("speed").value);
        const wait = playing.upcoming[0] - playing.clock;
        playing.clock += Math.min(now - playing.last, 100) * speed;
        if (wait > LONGEST_PAUSE_MS * speed) playing.clock = playing.upcoming[0] - LONGEST_PAUSE_MS * speed;
        playing.last = now;
        let passed = false;
        while (playing.upcoming.length > 0 && playing.upcoming[0] <= playing.clock) {
          playing.upcoming.shift();
          passed = true;
        }
        this.#at = playing.clock;
        this.#put();
        if (passed) this.go(Math.floor(this.#at), "");
        if (playing.upcoming.length === 0) return done();
        playing.frame = requestAnimationFrame(frame);
      };
      playing.last = performance.now();
      playing.frame = requestAnimationFrame(frame);
    });
  }

  #pressPlay(pressed) {
    const play = byId("play");
    play.setAttribute("aria-pressed", String(pressed));
    play.querySelector("path").setAttribute("d", pressed ? "M5 2v12M11 2v12" : "M4 2l10 6-10 6z");
    play.setAttribute("aria-label", pressed ? "Pause" : "Play");
  }

  // --- the slider -----------------------------------------------------------------------------------------------

  #slid() {
    this.pause();
    const part = Number(this.#slider.value);
    const { from, to } = this.#window;
    const at = Math.round(from + part * (to - from));
    this.moveTo(part >= 1 && to >= this.#last ? 0 : at);
  }

  #onKey(event) {
    const jumps = { ArrowLeft: () => this.step(-1), ArrowRight: () => this.step(1), ArrowDown: () => this.step(-1), ArrowUp: () => this.step(1),
      Home: () => this.moveTo(this.#window.from), End: () => this.moveTo(0) };
    const jump = jumps[event.key];
    if (jump === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    Promise.resolve(jump()).catch(this.failed);
  }

  /** What part of the history the slider spans. */
  #rewindow() {
    const span = Number(byId("span").value) * 1000;
    if (span === 0 || span >= this.#last - this.#first) {
      this.#window = { from: this.#first, to: Math.max(this.#last, this.#first + 1) };
    } else {
      const inside = this.#at >= this.#window.from && this.#at <= this.#window.to && this.#window.to - this.#window.from === span;
      const middle = inside ? (this.#window.from + this.#window.to) / 2 : this.moment;
      const from = Math.min(Math.max(this.#first, this.#at === 0 ? this.#last - span : middle - span / 2), this.#last - span);
      this.#window = { from, to: from + span };
    }
    this.#put();
  }

  async #density() {
    const span = Number(byId("span").value);
    const asked = span === 0 ? { until: this.#last } : { since: Math.floor(this.#window.from), until: Math.ceil(this.#window.to) };
    const density = await ask("density", { ...asked, slices: SLICES });
    this.#counted = density.until;
    [this.#first, this.#last] = [density.first, Math.max(this.#last, density.last)];
    this.#rewindow();
    const most = Math.max(1, ...density.counts);
    const picture = byId("density");
    setAll(picture, { viewBox: `0 0 ${SLICES} 100` });
    // A few events must be seen beside many.
    const height = (count) => (count === 0 ? 0 : 20 + 80 * (Math.log1p(count) / Math.log1p(most)));
    picture.replaceChildren(...density.counts.flatMap((count, index) =>
      count === 0 ? [] : [shape("rect", { x: index + 0.1, width: 0.8, y: (100 - height(count)).toFixed(1), height: height(count).toFixed(1) })]));
  }

  #put() {
    const { from, to } = this.#window;
    const part = (at) => Math.min(1, Math.max(0, (at - from) / (to - from)));
    this.#slider.value = String(this.#at === 0 ? 1 : part(this.#at));
    this.#slider.setAttribute("aria-valuetext", this.#at === 0 ? "now" : dateTime(this.#at));
    byId("first").textContent = dateTime(from);
    byId("last").textContent = to >= this.#last ? `now (${duration(to - from)} in all)` : dateTime(to);
    byId("now").disabled = this.#at === 0;
    const marker = byId("marker");
    marker.hidden = this.#mark === null;
    if (this.#mark !== null) marker.style.left = `calc(8px + (100% - 16px) * ${part(this.#mark)})`;
  }
}
