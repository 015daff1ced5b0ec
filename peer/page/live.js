// The stream of what happens. It is lost and found again; what happened meanwhile is told then, once.

/** Without a sign for so long, the connection is lost: the peer gives one every 10 s. */
const SILENCE_MS = 25000;
const RETRY_MS = 1000;

export class Live {
  /** @param {{profile: Function, people: Function, messages: Function, state: Function}} heard */
  constructor(heard) {
    this.heard = heard;
    this.through = 0;
    this.source = null;
    this.open();
  }

  open() {
    clearTimeout(this.retry);
    this.source?.close();
    const source = new EventSource(`/api/live?after=${this.through}`);
    this.source = source;
    for (const name of ["profile", "people", "messages", "alive"]) {
      source.addEventListener(name, (event) => this.on(name, JSON.parse(event.data)));
    }
    source.onerror = () => this.lose();
    this.watch();
  }

  on(name, data) {
    this.watch();
    this.heard.state("live");
    if (name === "messages") this.through = Math.max(this.through, data.through);
    this.heard[name]?.(data);
  }

  watch() {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => this.lose(), SILENCE_MS);
  }

  async lose() {
    this.source?.close();
    clearTimeout(this.silence);
    clearTimeout(this.retry);
    // An EventSource does not tell why; a question does.
    const status = await fetch("/api/me", { cache: "no-store", signal: AbortSignal.timeout(5000) }).then((it) => it.status, () => 0);
    this.heard.state(status === 401 ? "over" : "lost");
    if (status !== 401) this.retry = setTimeout(() => this.open(), RETRY_MS);
  }
}
