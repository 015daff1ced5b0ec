// The bridge: questions over HTTP, and what happens there by server-sent events.

/** An answer that is no answer. `sentence` is for a person; `kind` is the gRPC code, or `Lost`. */
export class Refused extends Error {
  constructor(kind, sentence) {
    super(sentence);
    this.kind = kind;
    this.sentence = sentence;
  }
}

/** Asks; an abort of `signal` throws what `fetch` throws. */
export async function ask(question, asked = {}, signal = undefined) {
  const some = Object.entries(asked).filter(([, value]) => value !== "" && value !== 0 && value !== undefined);
  const query = new URLSearchParams(some.map(([name, value]) => [name, String(value)]));
  let response;
  try {
    response = await fetch(`/api/${question}?${query}`, { signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused("Lost", "the bridge does not answer");
  }
  const answer = await response.json().catch(() => ({ error: `the bridge answered with ${response.status}`, code: "Unknown" }));
  if (!response.ok) throw new Refused(answer.code, answer.error);
  return answer;
}

/**
 * Follows the bridge until the page is closed, and finds it again when it was away.
 * Handlers: `about(about)`, `events(events)`, `lost()`.
 */
export function follow(handlers) {
  const source = new EventSource("/api/live");
  source.addEventListener("about", (message) => handlers.about(JSON.parse(message.data)));
  source.addEventListener("events", (message) => handlers.events(JSON.parse(message.data)));
  source.addEventListener("error", () => {
    handlers.lost();
    // A refusal ends it for good: a browser tries again only after a broken connection.
    if (source.readyState === EventSource.CLOSED) setTimeout(() => follow(handlers), 2000);
  });
}
