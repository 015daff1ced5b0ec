// The page of a peer: people on the left, the open conversation on the right, and what ties them.
//
// For scripts and tests: `#people [data-id]` (with data-state, data-unread), `#thread [data-position]` and
// `#pending [data-once]` (with data-state), `#write`, `#send`, `#find`, `#found [data-found]`, `#way`, `#waiting`, `#typing`,
// `#warning`, `#safety .digits`, `#verify`, `#block`, `#unblock`, `#delete`, `#delete-now`, `#own-name`, `#rename`,
// `#save-name`, `#notices`, `#connection[data-state]` (live, lost, over).

import { Refused, Unreached, tell } from "./api.js";
import { Composer } from "./composer.js";
import { byId, element, open, say, spaced } from "./dom.js";
import { Live } from "./live.js";
import { Notify } from "./notify.js";
import { Outbox } from "./outbox.js";
import { People } from "./people.js";
import { standing } from "./person.js";
import { Profile } from "./profile.js";
import { Safety } from "./safety.js";
import { Search } from "./search.js";
import { called, short } from "./text.js";
import { Thread } from "./thread.js";

const READ_PACE_MS = 300;
const SAID = { live: "connected", lost: "your peer is not reached", over: "session over", connecting: "connecting" };

const state = { open: null, own: "", read: new Map(), seen: new Map() };
const people = new People(choose);
const thread = new Thread({ seen, failed });
const outbox = new Outbox((item) => onMessages([item]));
const composer = new Composer((text) => outbox.add(state.open, text));
const safety = new Safety(failed);
const profile = new Profile(failed);
const notify = new Notify(choose);
const search = new Search({ people, choose, filter: (filter) => people.show({ filter }), failed });

// --- what the peer tells ------------------------------------------------------------------------------------------

const live = new Live({ profile: onProfile, people: onPeople, messages: onNews, state: onState });

function onProfile(me) {
  state.own = short(me.id);
  profile.hear(me);
  outbox.begin(state.own);
  notice("trouble", me.trouble === "" ? null : `Nothing can be stored at present: ${me.trouble}`, "bad");
  const warnings = me.warnings.filter((it) => me.trouble === "" || !it.includes(me.trouble));
  const text = warnings.map((it) => element("p", { textContent: it }));
  const all = text.length === 0 ? null : element("details", {}, element("summary", { textContent: text.length === 1 ? "One thing you should know" : `${text.length} things you should know` }), text);
  noticeNode("warnings", warnings.join("\n"), all);
}

function onPeople(news) {
  people.hear(news);
  const unread = people.unread;
  document.title = unread > 0 ? `(${unread}) Causeway` : "Causeway";
  if (news.all || news.people.some((it) => it.id === state.open)) showOpen();
}

function onNews({ messages, reload, deleted }) {
  if (state.open !== null && (reload || deleted.includes(state.open))) thread.open(state.open, {});
  onMessages(messages);
  for (const item of messages) {
    if (item.state !== "received") continue;
    const person = people.get(item.peer);
    notify.hear(item, person);
    if (item.peer === state.open) say(byId("announce"), `${person ? called(person) : short(item.peer)}: ${item.text.slice(0, 300)}`);
  }
}

function onMessages(items) {
  const own = items.filter((it) => it.peer === state.open);
  if (own.length > 0) thread.hear(own);
}

function onState(now) {
  const shown = byId("connection");
  const before = shown.dataset.state;
  if (before === now) return;
  shown.dataset.state = now;
  say(shown, SAID[now]);
  notice("lost", now === "lost" ? "The connection to your peer is lost; it is tried again by itself. What you write is kept here until then." : null);
  notice("over", now === "over" ? "This session is over. `causeway open` prints a new link on the machine of your peer." : null, "bad");
  if (now === "live") outbox.work();
  // Nothing was told yet, so what came meanwhile is not told either.
  if (now === "live" && before === "lost" && live.through === 0 && state.open !== null) thread.open(state.open, {});
}

// --- what the person does -----------------------------------------------------------------------------------------

/** Opens a conversation, at its end or at a message. */
function choose(id, position = 0) {
  const unread = people.get(id)?.unread ?? 0;
  document.body.dataset.view = "thread";
  byId("welcome").hidden = true;
  byId("conversation").hidden = false;
  if (state.open !== id) {
    state.open = id;
    state.seen.clear();
    people.show({ open: id });
    composer.show(state.own, id);
    outbox.show(id);
    byId("emoji").hidden = true;
  }
  showOpen();
  thread.open(id, { unread, position });
  if (!matchMedia("(pointer: coarse)").matches) byId("write").focus();
}

/** What stands around the messages. */
function showOpen() {
  const person = people.get(state.open);
  safety.warn(person, people, (id) => decide("blocked", { peer: id, blocked: true }));
  if (person === undefined) return;
  say(byId("who"), called(person));
  say(byId("way"), standing(person));
  byId("way").title = [person.id, ...person.via.map((hop) => `across ${hop.id}`), person.key_exchange].filter((it) => it !== "").join("\n");
  const verify = byId("open-safety");
  verify.dataset.verified = person.verified;
  say(verify.querySelector("span"), person.verified ? "Verified" : "Verify");
  safety.show(person);
  byId("typing").hidden = !person.typing;
  say(byId("typing"), `${called(person)} is writing`);
  const waits = person.queued > 0 && !person.blocked && person.reason !== "";
  byId("waiting").hidden = !waits;
  if (waits) say(byId("waiting"), `${person.queued === 1 ? "One message waits" : `${person.queued} messages wait`}: ${person.reason}`);
  byId("composer").hidden = person.blocked;
  byId("blocked").hidden = !person.blocked;
  say(byId("block"), person.blocked ? "Unblock" : "Block");
  byId("export-one").href = `/api/export?peer=${person.id}`;
}

function back() {
  document.body.dataset.view = "list";
  byId("people").querySelector('[aria-current="true"]')?.focus();
}

const decide = (deed, body) => tell(deed, body).catch(failed);
const setBlocked = (blocked) => decide("blocked", { peer: state.open, blocked });

byId("back").addEventListener("click", back);
byId("open-safety").addEventListener("click", () => safety.open(people.get(state.open)).catch(failed));
byId("block").addEventListener("click", () => { byId("menu").open = false; setBlocked(!people.get(state.open).blocked); });
byId("unblock").addEventListener("click", () => setBlocked(false));
byId("delete").addEventListener("click", () => { byId("menu").open = false; open(byId("sure")); });
byId("delete-now").addEventListener("click", () => { byId("sure").close(); decide("delete", { peer: state.open }); });

document.addEventListener("click", (event) => {
  if (!byId("menu").contains(event.target)) byId("menu").open = false;
});
document.addEventListener("keydown", (event) => {
  const isWriting = event.target.closest("input, textarea") !== null;
  if ((event.key === "/" && !isWriting) || (event.key === "k" && (event.ctrlKey || event.metaKey))) {
    event.preventDefault();
    document.body.dataset.view = "list";
    byId("find").focus();
  } else if (event.key === "Escape" && document.querySelector("dialog[open]") === null) {
    if (event.target === byId("find")) search.clear();
    else if (byId("menu").open) byId("menu").open = false;
    else back();
  }
});
for (const event of ["focus", "visibilitychange"]) {
  (event === "focus" ? window : document).addEventListener(event, () => thread.see());
}

// --- what was read ------------------------------------------------------------------------------------------------

/** Notes the newest of each epoch that stood before the person's eyes. */
function seen(items) {
  for (const { epoch, sequence } of items) {
    if ((state.seen.get(epoch) ?? 0) < sequence) state.seen.set(epoch, sequence);
  }
  if ([...state.seen].some(([epoch, through]) => isNews(state.open, epoch, through))) sayRead();
}

const isNews = (peer, epoch, through) => (state.read.get(`${peer} ${epoch}`) ?? 0) < through;

const sayRead = spaced(READ_PACE_MS, async () => {
  const peer = state.open;
  for (const [epoch, through] of state.seen) {
    if (!isNews(peer, epoch, through)) continue;
    state.read.set(`${peer} ${epoch}`, through);
    // Another look comes with the next message, or the next time the page is looked at.
    await tell("read", { peer, epoch, through }).catch(() => state.read.delete(`${peer} ${epoch}`));
  }
});

// --- what went wrong ----------------------------------------------------------------------------------------------

function failed(error) {
  if (error instanceof Refused && error.status === 401) return onState("over");
  if (error instanceof Unreached) return live.lose();
  const sentence = error instanceof Refused ? error.sentence : `this page made a mistake: ${error.message}`;
  notice("failed", sentence, "bad");
  setTimeout(() => notice("failed", null), 10000);
  if (!(error instanceof Refused)) console.error(error);
}

function notice(kind, text, className = "") {
  noticeNode(kind, text ?? "", text === null ? null : element("p", { textContent: text, className }));
}

function noticeNode(kind, key, node) {
  const notices = byId("notices");
  const before = [...notices.children].find((it) => it.dataset.kind === kind);
  if (node === null) return before?.remove();
  if (before?.dataset.key === key) return;
  node.dataset.kind = kind;
  node.dataset.key = key;
  if (before) before.replaceWith(node);
  else notices.append(node);
}

if (location.hash === "#used") {
  history.replaceState(null, "", "/");
  notice("used", "This link was used already, or is too old. `causeway open` prints a new one.", "bad");
}
