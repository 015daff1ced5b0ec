// One message as it is shown: made once, and changed when its state does.

import { element, say } from "./dom.js";
import { clock, isEmoji, moment, nodes } from "./text.js";

/** A text that is longer, or has more lines, is folded. */
const LONG_TEXT = 1800;
const LONG_LINES = 24;

const SIGNS = { queued: "◷", at_peer: "✓", read: "✓✓", received: "", refused: "✕", unknown: "?", handing: "◌", failed: "✕" };

/** The element of a message. */
export function bubble(item) {
  const text = element("p", { className: "text", dir: "auto" }, item.unknown > 0 ? `[${item.unknown} bytes of a kind that this version cannot show]` : nodes(item.text));
  if (isEmoji(item.text)) text.classList.add("big");
  const isLong = item.text.length > LONG_TEXT || item.text.split("\n", LONG_LINES + 1).length > LONG_LINES;
  const copy = element("button", { className: "copy", textContent: "copy", title: "Copy the text" });
  copy.addEventListener("click", async () => {
    await navigator.clipboard?.writeText(item.text).catch(() => {});
    copy.textContent = "copied";
  });
  const state = element("button", { className: "state" });
  const foot = element("div", { className: "foot" }, copy, element("time", { textContent: clock(item.sent_at), title: moment(item.sent_at) }), state);
  const shape = element("div", { className: "bubble" }, text, isLong ? unfold(text) : null, foot);
  const details = element("p", { className: "details", hidden: true });
  const made = element("li", { className: item.out ? "mine" : "theirs", dataset: { position: item.position } }, shape, details);
  state.addEventListener("click", () => { details.hidden = !details.hidden; shape.classList.toggle("told"); });
  update(made, item);
  return made;
}

/** Shows the state of a message. */
export function update(made, item) {
  made.item = item;
  made.dataset.state = item.state;
  const sentence = stateOf(item);
  const state = made.querySelector(".state");
  say(state, item.out ? SIGNS[item.state] : "…");
  state.title = sentence;
  state.ariaLabel = sentence;
  say(made.querySelector(".details"), sentence);
}

/** How far a message is, for a person. */
export function stateOf(item) {
  const way = item.via.length === 0 ? "directly" : `across ${item.via.length === 1 ? "one bridge" : `${item.via.length} bridges`}`;
  switch (item.state) {
    case "queued": return `Stored on your machine, waits${item.reason === "" ? "" : `: ${item.reason}`}`;
    case "at_peer": return `Stored on their machine since ${moment(item.state_at)}, ${way}`;
    case "read": return `Read ${moment(item.state_at)}, came ${way}`;
    case "received": return `Written ${moment(item.sent_at)} by their clock, stored here ${moment(item.state_at)}, came ${way}`;
    case "refused": return `Refused for good: ${item.reason}`;
    case "handing": return item.reason === "" ? "Not handed to your peer yet; kept in this page" : `Tried again by itself: ${item.reason}`;
    case "failed": return `Not sent: ${item.reason}`;
    default: return "A state that this version does not know";
  }
}

function unfold(text) {
  text.classList.add("long");
  const more = element("button", { className: "plain", textContent: "Show all" });
  more.addEventListener("click", () => {
    text.classList.remove("long");
    more.remove();
  });
  return more;
}
