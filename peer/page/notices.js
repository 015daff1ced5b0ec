// What the page has to say about itself: a line for each kind, above everything else.

import { byId, element, say } from "./dom.js";
import { clean } from "./text.js";

const SAID = { live: "connected", lost: "not connected", over: "session over", connecting: "connecting" };
const FAILURE_MS = 10000;

let forgetting = null;

/** Says a sentence of a kind, or takes it back. */
export function notice(kind, text, className = "") {
  // What stands between backticks is to be typed.
  const parts = () => text.split("`").map((part, index) => (index % 2 === 1 ? element("code", { textContent: part }) : part));
  put(kind, text ?? "", () => element("p", { className }, parts()));
}

/** Something went wrong just now. */
export function noticeFailure(sentence) {
  clearTimeout(forgetting);
  notice("failed", clean(sentence), "bad");
  forgetting = setTimeout(() => notice("failed", null), FAILURE_MS);
}

/** What the peer warns of: it stays, so it takes one line only. */
export function warn(warnings) {
  put("warnings", warnings.join("\n"), () => element("details", {},
    element("summary", { textContent: warnings.length === 1 ? "One thing you should know" : `${warnings.length} things you should know` }),
    warnings.map((it) => element("p", { textContent: clean(it) }))));
}

/** How it stands with the connection to the peer: `live`, `lost` or `over`. */
export function tellConnection(state) {
  const shown = byId("connection");
  if (shown.dataset.state === state) return;
  shown.dataset.state = state;
  document.body.dataset.connection = state;
  say(shown, SAID[state]);
  notice("lost", state === "lost" ? "The connection to your peer is lost; it is tried again by itself. What you write is kept here until then." : null);
  // Whoever came with an old link has no session that could be over.
  const isOver = state === "over" && document.querySelector('#notices [data-kind="used"]') === null;
  notice("over", isOver ? "This session is over. `causeway open` prints a new link on the machine of your peer." : null, "bad");
  if (state === "live") notice("used", null);
}

function put(kind, key, make) {
  const notices = byId("notices");
  const before = [...notices.children].find((it) => it.dataset.kind === kind);
  if (key === "") return before?.remove();
  if (before?.dataset.key === key) return;
  const made = make();
  Object.assign(made.dataset, { kind, key });
  if (before) before.replaceWith(made);
  else notices.append(made);
}
