// One message as it is shown: made once, and changed when its state does.

import { copy, element, say } from "./dom.js";
import { clean, head, isEmoji, nodes } from "./text.js";
import { clock, moment, said } from "./time.js";

/** A text that is longer, or has more lines, is folded. */
const LONG_LETTERS = 1800;
const LONG_LINES = 24;

/** The sign of a state, and its word. */
const STATES = {
  queued: ["◷", "waits"], at_peer: ["✓", "arrived"], read: ["✓✓", "read"], refused: ["✕", "refused"],
  handing: ["◌", "not handed over yet"], failed: ["✕", "not sent"], received: ["", ""],
};
/** States that a person must not have to look for. */
const TOLD_BY_THEMSELVES = ["refused", "handing", "failed"];

/** The element of a message; `who` says it, for those who hear the page. */
export function bubble(item, who) {
  const text = element("p", { className: "text", dir: "auto" });
  const isFolded = fill(text, item);
  const copies = element("button", { className: "copy", textContent: "copy", title: "Copy the text (c)", tabIndex: -1, hidden: item.text === "" });
  copies.addEventListener("click", () => copyText(made));
  const state = element("button", { className: "state", tabIndex: -1 }, element("time", { textContent: clock(said(item)) }),
    element("span", { className: "sign" }), element("span", { className: "word" }));
  state.setAttribute("aria-expanded", "false");
  state.addEventListener("click", () => toggle(made));
  const shape = element("div", { className: "bubble" }, element("span", { className: "unseen", textContent: `${who}: ` }), text,
    isFolded ? unfold(text, item) : null, element("div", { className: "foot" }, copies, state));
  const details = element("p", { className: "details", hidden: !TOLD_BY_THEMSELVES.includes(item.state) });
  const made = element("li", { className: item.out ? "mine" : "theirs", tabIndex: -1, dataset: { position: item.position } }, shape, details);
  update(made, item);
  return made;
}

/** Shows the state of a message. */
export function update(made, item) {
  if (made.item === item) return;
  made.item = item;
  made.dataset.state = item.state;
  const sentence = stateOf(item);
  const [sign, word] = STATES[item.state] ?? ["?", ""];
  const state = made.querySelector(".state");
  say(state.querySelector(".sign"), sign);
  say(state.querySelector(".word"), word);
  state.title = sentence;
  state.ariaLabel = sentence;
  const details = made.querySelector(".details");
  say(details, sentence);
  if (TOLD_BY_THEMSELVES.includes(item.state)) details.hidden = false;
}

/** Says more about a message, or no more. */
export function toggle(made) {
  const details = made.querySelector(".details");
  details.hidden = !details.hidden;
  made.classList.toggle("told", !details.hidden);
  made.querySelector(".state").setAttribute("aria-expanded", String(!details.hidden));
}

/** Copies the text of a message, and says whether that worked. */
export async function copyText(made) {
  const button = made.querySelector(".copy");
  say(button, (await copy(made.item.text)) ? "copied" : "not copied");
  setTimeout(() => say(button, "copy"), 2000);
}

/** How far a message is, for a person. */
export function stateOf(item) {
  const { length } = item.via;
  const way = length === 0 ? "directly" : `across ${length === 1 ? "one bridge" : `${length} bridges`}`;
  const reason = clean(item.reason);
  const written = `Written ${moment(item.sent_at)}`;
  switch (item.state) {
    case "queued": return `${written}, stored on your machine; waits${reason === "" ? "" : `: ${reason}`}`;
    case "at_peer": return `${written}. Stored on their machine since ${moment(item.state_at)}, came ${way}`;
    case "read": return `${written}. Read ${moment(item.state_at)}, came ${way}`;
    case "received": return `${written} by their clock, stored here ${moment(item.state_at)}, came ${way}`;
    case "refused": return `Refused for good: ${reason}`;
    case "handing": return reason === "" ? "Not handed to your peer yet; kept in this page" : `Tried again by itself: ${reason}`;
    case "failed": return `Not sent: ${reason}`;
    default: return "A state that this version does not know";
  }
}

/** Gives whether there is more than what is shown. */
function fill(target, item) {
  if (item.unknown > 0) {
    target.append(`[${item.unknown} bytes of a kind that this version cannot show]`);
    return false;
  }
  const shown = head(item.text, LONG_LETTERS, LONG_LINES);
  target.append(...nodes(shown));
  target.classList.toggle("big", isEmoji(item.text));
  target.classList.toggle("folded", shown !== item.text);
  return shown !== item.text;
}

function unfold(text, item) {
  const more = element("button", { className: "plain more", textContent: "Show all" });
  more.addEventListener("click", () => {
    text.classList.remove("folded");
    text.replaceChildren(...nodes(item.text));
    more.closest("li").focus({ preventScroll: true });
    more.remove();
  });
  return more;
}
