// The stream of what happens. It is lost and found again; what happened meanwhile is told then, once.

/** Without a sign for so long, the connection is lost: the peer gives one every 10 s. */
const SILENCE_MS = 25000;
const RETRY_MS = 1000;
/** A session may have begun anew in another tab. */
const SESSION_RETRY_MS = 15000;
const ASK_MS = 5000;

export class Live {
  /** @param {{profile: Function, people: Function, messages: Function, state: (state: string) => void}} heard */
  constructor(heard) {
    this.heard = heard;
    this.through = 0;
    this.source = null;
    addEventListener("online", () => this.hurry());
    addEventListener("focus", () => this.hurry());
    this.open();
  }

  open() {
    clearTimeout(this.retry);
    this.retry = null;
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
    // Said first: up to where things were told before the break shows whether anything has to be read anew.
    this.heard.state("live");
    if (name === "messages") this.through = data.through;
    this.heard[name]?.(data);
  }

  watch() {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => this.lose(), SILENCE_MS);
  }

  /** Does not wait for the next time when there is reason to hope. */
  hurry() {
    if (this.retry) this.open();
  }

  /** Looks once, whoever says it: a stream that broke, silence, or a question without an answer. */
  async lose() {
    if (this.losing || this.retry) return;
    this.losing = true;
    this.source?.close();
    clearTimeout(this.silence);
    // An EventSource does not tell why; a question does.
    const asked = fetch("/api/me", { cache: "no-store", signal: AbortSignal.timeout(ASK_MS) });
    const status = await asked.then((answer) => answer.status, () => 0);
    this.losing = false;
    this.heard.state(status === 401 ? "over" : "lost");
    this.retry = setTimeout(() => this.open(), status === 401 ? SESSION_RETRY_MS : RETRY_MS);
  }
}
