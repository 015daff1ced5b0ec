// The page of a peer: people on the left, the open conversation on the right, and what ties them.
//
// For scripts and tests: `#people [data-id]` (with data-state, data-unread, data-blocked; aria-current), `#thread
// [data-position]` and `#pending [data-once]` (with data-state: queued, at_peer, read, received, refused; handing, failed;
// inside `.text`, `.state`, `.details`, `.copy`; in #pending `.retry`, `.discard`), `#write`, `#send`, `#too-long`,
// `#pick-emoji`, `#emoji`, `#find`, `#found [data-found]`, `#nothing`, `#more-found`, `#who`, `#way`, `#waiting`, `#typing`,
// `#to-end`, `#beginning`, `#back`, `#menu`, `#warning`, `#open-safety[data-verified]`, `#safety .digits`, `#safety .code`,
// `#verify`, `#block`, `#unblock`, `#blocked`, `#delete`, `#delete-now`, `#export-one`, `#me`, `#own-name`, `#own-id`,
// `#copy-id`, `#rename`, `#save-name`, `#notify`, `#notify-text`, `#notices [data-kind]`, `#connection[data-state]`
// (connecting, live, lost, over), `body[data-view]` (list, thread: which of the two a phone shows).

import { Refused, Unreached, tell } from "./api.js";
import { Composer } from "./composer.js";
import { byId, open, say, spaced } from "./dom.js";
import { Live } from "./live.js";
import { notice, noticeFailure, tellConnection, warn } from "./notices.js";
import { Notify } from "./notify.js";
import { Outbox } from "./outbox.js";
import { People } from "./people.js";
import { standing } from "./person.js";
import { Profile } from "./profile.js";
import { Reading } from "./reading.js";
import { Safety } from "./safety.js";
import { Search } from "./search.js";
import { clean, short } from "./text.js";
import { Thread } from "./thread.js";

/** A voice that reads what arrives is not hurried more than this. */
const ANNOUNCE_MS = 1500;

const state = { open: null, person: undefined, own: "", heard: [] };
const people = new People(choose);
const reading = new Reading();
const thread = new Thread({ seen: (peer, items) => reading.see(peer, items), name, failed });
const outbox = new Outbox((item) => thread.hear([item]));
const composer = new Composer((text) => { outbox.add(state.open, text); thread.goToEnd(); });
const safety = new Safety(failed);
const profile = new Profile(failed);
const notify = new Notify(choose);
const search = new Search({ people, choose, filter: (filter) => people.show({ filter }), failed });
const live = new Live({ profile: onProfile, people: onPeople, messages: onNews, state: onState });

// --- what the peer tells ------------------------------------------------------------------------------------------

function onProfile(me) {
  state.own = short(me.id);
  profile.hear(me);
  outbox.begin(state.own);
  if (state.open !== null) composer.show(state.own, state.open);
  notice("trouble", me.trouble === "" ? null : `Nothing can be stored at present: ${clean(me.trouble)}`, "bad");
  warn(me.warnings.filter((it) => me.trouble === "" || !it.includes(me.trouble)));
}

function onPeople(news) {
  people.hear(news);
  const { unread } = people;
  const title = unread > 0 ? `(${unread}) Causeway` : "Causeway";
  if (document.title !== title) document.title = title;
  if (news.all || news.people.some((it) => it.id === state.open) || news.gone.includes(state.open)) showOpen();
  if (news.all && state.open === null && people.get(history.state?.open)) choose(history.state.open);
}

function onNews({ messages, reload, deleted }) {
  if (deleted.includes(state.open)) thread.open(state.open);
  else if (reload) thread.renew();
  outbox.hear(messages);
  thread.hear(messages);
  for (const item of messages) {
    if (item.state !== "received") continue;
    notify.hear(item, people.get(item.peer));
    if (item.peer === state.open) state.heard.push(item);
  }
  if (state.heard.length > 0) announce();
}

/** For those who hear the page: what came to the open conversation. */
const announce = spaced(ANNOUNCE_MS, () => {
  const heard = state.heard.splice(0).filter((item) => item.peer === state.open);
  if (heard.length === 0) return;
  const last = `${name(state.open)}: ${heard.at(-1).text.slice(0, 300)}`;
  say(byId("announce"), heard.length === 1 ? last : `${heard.length} messages, the last from ${last}`);
});

function onState(now) {
  const isBack = now === "live" && byId("connection").dataset.state !== "live";
  tellConnection(now);
  if (!isBack) return;
  outbox.work();
  // Where nothing was told before the break, what came meanwhile is not told either.
  if (thread.isLoaded && live.through > 0) thread.see();
  else if (state.open !== null) thread.open(state.open);
}

// --- what the person does -----------------------------------------------------------------------------------------

/** Opens a conversation, at its end or at a message. */
function choose(id, position = 0) {
  const unread = people.get(id)?.unread ?? 0;
  view("thread", id);
  byId("welcome").hidden = true;
  byId("conversation").hidden = false;
  state.open = id;
  people.show({ open: id });
  composer.show(state.own, id);
  outbox.show(id);
  showOpen();
  thread.open(id, { unread, position, isHit: position !== 0 });
  if (!matchMedia("(pointer: coarse)").matches) byId("write").focus();
}

function name(id) {
  return people.get(id)?.called ?? short(id);
}

/** What stands around the messages. */
function showOpen() {
  if (state.open === null) return;
  // Whoever is not told of any more stays as last seen, so that one knows whom one wrote to.
  const person = people.get(state.open) ?? (state.person?.id === state.open ? { ...state.person, state: "gone" } : undefined);
  state.person = person;
  safety.warn(person, people, (id) => decide("blocked", { peer: id, blocked: true }));
  if (person === undefined) return;
  say(byId("who"), person.called);
  say(byId("way"), standing(person));
  byId("whom").dataset.state = person.state;
  byId("way").title = [person.id, ...person.via.map((hop) => `across ${hop.id}`), person.key_exchange].filter((it) => it !== "").join("\n");
  const verify = byId("open-safety");
  verify.dataset.verified = person.verified;
  say(verify.querySelector("span"), person.verified ? "Verified" : "Verify");
  safety.show(person);
  byId("typing").hidden = !person.typing || person.blocked;
  say(byId("typing"), `${person.called} is writing…`);
  const waits = person.queued > 0 && !person.blocked && person.reason !== "";
  byId("waiting").hidden = !waits;
  if (waits) say(byId("waiting"), `${person.queued === 1 ? "One message waits" : `${person.queued} messages wait`}: ${clean(person.reason)}`);
  byId("composer").hidden = person.blocked;
  byId("blocked").hidden = !person.blocked;
  say(byId("block"), person.blocked ? "Unblock" : "Block");
  byId("export-one").href = `/api/export?peer=${person.id}`;
}

/** Which of the two a phone shows. The browser's own way back leads from a conversation to the list. */
function view(shown, id = null) {
  const isStep = shown === "thread" && document.body.dataset.view === "list" && history.state?.view !== "thread";
  document.body.dataset.view = shown;
  if (isStep) history.pushState({ view: shown, open: id }, "");
  else history.replaceState({ view: shown, open: id }, "");
}

function back() {
  if (history.state?.view === "thread" && document.body.dataset.view === "thread") history.back();
  document.body.dataset.view = "list";
  byId("people").querySelector('[aria-current="true"]')?.focus();
}

const decide = (deed, body) => tell(deed, body).catch(failed);
const setBlocked = (blocked) => decide("blocked", { peer: state.open, blocked });

byId("back").addEventListener("click", back);
byId("open-safety").addEventListener("click", () => { if (state.person) safety.open(state.person).catch(failed); });
byId("block").addEventListener("click", () => { closeMenu(); setBlocked(!state.person?.blocked); });
byId("unblock").addEventListener("click", () => setBlocked(false));
byId("delete").addEventListener("click", () => {
  closeMenu();
  say(byId("sure-title"), `Delete the conversation with ${name(state.open)}?`);
  open(byId("sure"));
});
byId("delete-now").addEventListener("click", () => { byId("sure").close(); decide("delete", { peer: state.open }); });
byId("export-one").addEventListener("click", () => closeMenu());

function closeMenu(isByKey = false) {
  byId("menu").open = false;
  if (isByKey) byId("menu").querySelector("summary").focus();
}

addEventListener("popstate", () => { document.body.dataset.view = history.state?.view ?? "list"; });
document.addEventListener("click", (event) => {
  if (!byId("menu").contains(event.target)) closeMenu();
});
document.addEventListener("keydown", (event) => {
  if (document.querySelector("dialog[open]") !== null) return;
  const isWriting = event.target.closest("input, textarea") !== null;
  if ((event.key === "/" && !isWriting) || (event.key === "k" && (event.ctrlKey || event.metaKey))) {
    event.preventDefault();
    document.body.dataset.view = "list";
    byId("find").focus();
    byId("find").select();
  } else if (event.key === "Escape") {
    if (event.target === byId("find")) search.clear();
    else if (byId("menu").open) closeMenu(true);
    else back();
  }
});
addEventListener("focus", () => thread.see());
document.addEventListener("visibilitychange", () => thread.see());

// --- what went wrong ----------------------------------------------------------------------------------------------

function failed(error) {
  if (error instanceof Unreached || (error instanceof Refused && error.status === 401)) return live.lose();
  noticeFailure(error instanceof Refused ? error.sentence : `this page made a mistake: ${error.message}`);
  if (!(error instanceof Refused)) console.error(error);
}

if (location.hash === "#used") {
  history.replaceState(null, "", "/");
  notice("used", "This link was used already, or is too old. `causeway open` prints a new one.", "bad");
}
