// Looking around in the picture: by wheel, drag and pinch, or all of it at once.

import { byId } from "./dom.js";

const NEAREST = 6;
const FARTHEST = 0.03;
/** So far a pointer moves before it is a drag and no click. */
const SLACK = 4;

/** What part of the scene is seen. Until somebody moves it, it shows everything. */
export class Camera {
  #picture = byId("picture");
  #scene = byId("scene");
  #at = { x: 0, y: 0, zoom: 1 };
  #areas = [];
  #moved = false;

  /** Whether the last press was a drag, and so no click. */
  dragged = false;

  constructor() {
    this.#listen();
    new ResizeObserver(() => this.#fit()).observe(this.#picture);
  }

  /** What there is to see: circles. */
  show(areas) {
    this.#areas = areas;
    this.#fit();
  }

  /** Shows everything again. */
  reset() {
    this.#moved = false;
    this.#fit();
  }

  zoom(factor) {
    const { width, height } = this.#picture.getBoundingClientRect();
    this.#zoomAt(width / 2, height / 2, factor);
  }

  #listen() {
    const fingers = new Map();
    this.#picture.addEventListener("wheel", (event) => {
      event.preventDefault();
      const here = this.#picture.getBoundingClientRect();
      this.#zoomAt(event.clientX - here.left, event.clientY - here.top, Math.exp(-event.deltaY / 400));
    }, { passive: false });
    this.#picture.addEventListener("pointerdown", (event) => {
      fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
      this.dragged = false;
    });
    this.#picture.addEventListener("pointermove", (event) => {
      const before = fingers.get(event.pointerId);
      if (before === undefined) return;
      const now = { x: event.clientX, y: event.clientY };
      if (!this.dragged && Math.hypot(now.x - before.x, now.y - before.y) < SLACK) return;
      if (!this.dragged) this.#picture.setPointerCapture(event.pointerId);
      this.dragged = true;
      this.#picture.classList.add("moving");
      if (fingers.size === 2) this.#pinch(fingers, event.pointerId, now);
      this.#at.x += (now.x - before.x) / fingers.size;
      this.#at.y += (now.y - before.y) / fingers.size;
      this.#moved = true;
      fingers.set(event.pointerId, now);
      this.#look();
    });
    const up = (event) => {
      fingers.delete(event.pointerId);
      this.#picture.classList.remove("moving");
    };
    this.#picture.addEventListener("pointerup", up);
    this.#picture.addEventListener("pointercancel", up);
  }

  #pinch(fingers, moving, now) {
    const [, other] = [...fingers].find(([id]) => id !== moving);
    const before = fingers.get(moving);
    const far = Math.hypot(now.x - other.x, now.y - other.y);
    const was = Math.hypot(before.x - other.x, before.y - other.y);
    const here = this.#picture.getBoundingClientRect();
    this.#zoomAt((now.x + other.x) / 2 - here.left, (now.y + other.y) / 2 - here.top, far / Math.max(1, was));
  }

  #zoomAt(x, y, factor) {
    const camera = this.#at;
    const zoom = Math.min(NEAREST, Math.max(FARTHEST, camera.zoom * factor));
    camera.x = x - ((x - camera.x) * zoom) / camera.zoom;
    camera.y = y - ((y - camera.y) * zoom) / camera.zoom;
    camera.zoom = zoom;
    this.#moved = true;
    this.#look();
  }

  #fit() {
    const { width, height } = this.#picture.getBoundingClientRect();
    const areas = this.#areas;
    if (this.#moved || areas.length === 0 || width === 0) return;
    const left = Math.min(...areas.map((area) => area.x - area.radius)) - 20;
    const right = Math.max(...areas.map((area) => area.x + area.radius)) + 20;
    const top = Math.min(...areas.map((area) => area.y - area.radius)) - 44;
    const bottom = Math.max(...areas.map((area) => area.y + area.radius)) + 20;
    const zoom = Math.min(1.6, width / (right - left), height / (bottom - top));
    Object.assign(this.#at, { zoom, x: width / 2 - ((left + right) / 2) * zoom, y: height / 2 - ((top + bottom) / 2) * zoom });
    this.#look();
  }

  #look() {
    const { x, y, zoom } = this.#at;
    // Letters stay readable from afar, and do not grow into each other from near.
    this.#scene.style.setProperty("--letter", Math.min(2.2, Math.max(0.6, 1 / zoom)).toFixed(2));
    this.#scene.setAttribute("transform", `translate(${x.toFixed(1)} ${y.toFixed(1)}) scale(${zoom.toFixed(4)})`);
  }
}
