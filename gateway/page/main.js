// The page: one moment is shown, one thing is selected; everything else follows from these two.

import { Refused, ask, follow } from "./bridge.js";
import { Difference } from "./difference.js";
import { byId, element, spaced } from "./dom.js";
import { Events, ROWS } from "./events.js";
import { Graph } from "./graph.js";
import { Nodes } from "./nodes.js";
import { Selection } from "./selection.js";
import { dateTime, parse, timeOfDay } from "./time.js";
import { Timeline } from "./timeline.js";

/** After a step, the panels wait so long for the next one: the picture goes first. */
const PANELS_WAIT_MS = 120;
/** While much happens, now is read anew so often at most. */
const NOW_WAIT_MS = 250;

const shown = { event: "", state: null, selected: null, mark: null, lostAt: null, traffic: new Map() };
const wanted = { again: false, busy: false };

const go = (at, event = "") => timeline.moveTo(at, event);
const timeline = new Timeline((at, event) => { shown.event = event; refresh(); }, told);
const graph = new Graph(select);
const events = new Events((at, event) => { timeline.pause(); go(at, event); });
const nodes = new Nodes(select);
const selection = new Selection((at, event) => { timeline.pause(); go(at, event); }, select);
const difference = new Difference((at, event) => { timeline.pause(); go(at, event); });

// --- what is shown ------------------------------------------------------------------------------------------------

/** Reads the state of the moment and shows it: one question at a time, and then the last moment that was asked for. */
async function refresh() {
  wanted.again = true;
  if (wanted.busy) return;
  wanted.busy = true;
  while (wanted.again) {
    wanted.again = false;
    try {
      const state = await ask("state", { at: Math.floor(timeline.at), event: shown.event });
      shown.state = state;
      graph.show(state, timeline.at === 0);
      nodes.show(state);
      tellMoment();
      panels();
    } catch (error) {
      told(error);
    }
  }
  wanted.busy = false;
}

const refreshNow = spaced(NOW_WAIT_MS, () => { if (timeline.at === 0) refresh(); });
const panels = spaced(PANELS_WAIT_MS, () => {
  Promise.all([showEvents(), showSelection(), showDifference()]).catch(told);
});

async function showEvents() {
  const { events: found, damage } = await ask("events", { until: Math.floor(timeline.at), last: ROWS });
  events.show(found);
  graph.hear(found);
  notice("damage", damage === null ? null : `The history is damaged: ${damage}`);
}

async function showSelection() {
  if (shown.state === null) return;
  const way = await selection.show(shown.selected, shown.state, Math.floor(timeline.at)).catch((error) => {
    if (error.kind !== "NotFound") throw error;
    byId("selection").replaceChildren(element("p", { textContent: error.sentence }));
    return [];
  });
  graph.mark(shown.selected, way);
}

const showDifference = () => difference.show(shown.mark, Math.floor(timeline.moment));

function select(selected) {
  shown.selected = selected;
  graph.mark(selected);
  if (selected !== null) openTab("selection");
  showSelection().catch(told);
}

function tellMoment() {
  const { state } = shown;
  const live = timeline.at === 0;
  byId("moment").textContent = live ? "" : dateTime(timeline.at);
  if (shown.lostAt === null) tellConnection(live ? "live" : "past", live ? "live" : `as of ${timeOfDay(timeline.at)}`);
  const alone = live && state.bridges.length <= 1 && state.peers.length === 0;
  const empty = byId("empty");
  empty.hidden = !alone;
  if (alone) {
    empty.replaceChildren("Nobody is here yet. On a machine of this network: ", element("code", { textContent: "causeway peer --name anna --network NET" }),
      ". To link another network: ", element("code", { textContent: "causeway invite" }), " here, and ", element("code", { textContent: "causeway join TOKEN" }), " there.");
  }
}

// --- what happens -------------------------------------------------------------------------------------------------

function onAbout(about) {
  const back = shown.lostAt !== null;
  shown.lostAt = null;
  notice("lost", null);
  byId("title").textContent = about.name;
  byId("subtitle").textContent = `bridge of network ${about.network}${about.draining ? ", draining" : ""}`;
  document.title = `${about.name} · Causeway`;
  warn(about.warnings);
  timeline.grow(about.now);
  graph.measure(about.id, traffic(about.links));
  if (back || shown.state === null) start();
  else if (timeline.at === 0) tellConnection("live", "live");
}

/** Round trips and rates of this bridge's own links; rates from what came since the last look. */
function traffic(links) {
  const now = performance.now();
  const fresh = new Map(links.map((link) => {
    const bytes = link.bytes_in + link.bytes_out;
    const before = shown.traffic.get(link.bridge);
    const rate = before === undefined || bytes < before.bytes ? 0 : ((bytes - before.bytes) * 1000) / Math.max(1, now - before.now);
    return [link.bridge, { bytes, now, rate, rtt_us: link.state === "up" && link.rtt_us > 0 ? link.rtt_us : undefined }];
  }));
  shown.traffic = fresh;
  return fresh;
}

function onEvents(happened) {
  const live = timeline.at === 0;
  if (happened.length === 0) return;
  timeline.grow(Math.max(...happened.map((event) => parse(event.time))), true);
  if (!live) return;
  events.add(happened);
  graph.hear(happened);
  refreshNow();
}

function onLost() {
  if (shown.lostAt === null) shown.lostAt = Date.now();
  tellConnection("lost", "no connection");
  notice("lost", `No connection to the bridge since ${timeOfDay(shown.lostAt)}; trying again. What is shown is what was known then.`);
  // A refusal says more than a broken stream does.
  ask("about").catch((error) => { if (error.kind === "Unauthenticated") told(error); });
}

// --- messages -----------------------------------------------------------------------------------------------------

function tellConnection(state, text) {
  const connection = byId("connection");
  connection.dataset.state = state;
  if (connection.textContent !== text) connection.textContent = text;
}

/** The bridge's own warnings: one line, for they stay. */
function warn(warnings) {
  const before = byId("notices").querySelector("details");
  const text = warnings.join("\n");
  if (before?.dataset.text === text) return;
  before?.remove();
  if (warnings.length === 0) return;
  byId("notices").append(element("details", { dataset: { text } },
    element("summary", { textContent: warnings.length === 1 ? "1 warning" : `${warnings.length} warnings` }),
    warnings.map((warning) => element("p", { textContent: warning }))));
}

/** Shows a sentence under a key, or takes it away. */
function notice(key, text) {
  const notices = byId("notices");
  const before = [...notices.children].find((it) => it.dataset.key === key);
  if (text === null) before?.remove();
  else if (before === undefined) notices.append(element("p", { textContent: text, className: "bad", dataset: { key } }));
  else if (before.textContent !== text) before.textContent = text;
}

function told(error) {
  if (error.name === "AbortError") return;
  if (!(error instanceof Refused)) throw error;
  if (error.kind === "Lost") return onLostOnce();
  if (error.kind === "Unauthenticated") {
    tellConnection("lost", "no session");
    notice("lost", null);
    const used = location.hash === "#used" ? "That link was used already, or is too old. " : "";
    notice("session", `${used}This page needs a link: run “causeway open” on the bridge's machine and open what it prints.`);
    return;
  }
  notice("error", error.sentence);
  setTimeout(() => notice("error", null), 8000);
}

function onLostOnce() {
  if (shown.lostAt === null) onLost();
}

// --- tabs and keys ------------------------------------------------------------------------------------------------

const tabs = [...document.querySelectorAll("[role=tab]")];

function openTab(name) {
  for (const tab of tabs) {
    const chosen = tab.getAttribute("aria-controls") === name;
    tab.setAttribute("aria-selected", String(chosen));
    tab.tabIndex = chosen ? 0 : -1;
    byId(tab.getAttribute("aria-controls")).hidden = !chosen;
  }
  nodes.look();
}

for (const [index, tab] of tabs.entries()) {
  tab.addEventListener("click", () => openTab(tab.getAttribute("aria-controls")));
  tab.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step === undefined) return;
    event.stopPropagation();
    const next = tabs[(index + step + tabs.length) % tabs.length];
    openTab(next.getAttribute("aria-controls"));
    next.focus();
  });
}

function mark() {
  shown.mark = shown.mark === null ? Math.floor(timeline.moment) : null;
  byId("mark").setAttribute("aria-pressed", String(shown.mark !== null));
  byId("mark").textContent = shown.mark === null ? "Compare from here" : "Compare no more";
  timeline.mark(shown.mark);
  if (shown.mark !== null) openTab("difference");
  showDifference().catch(told);
}

const KEYS = {
  " ": () => timeline.togglePlay(), ArrowLeft: () => timeline.step(-1).catch(told), ArrowRight: () => timeline.step(1).catch(told),
  m: mark, n: () => timeline.moveTo(0), "+": () => graph.zoom(1.3), "-": () => graph.zoom(1 / 1.3), 0: () => graph.fit(),
  Escape: () => select(null),
  "/": () => { openTab("nodes"); nodes.focus(); },
};

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input[type=search], select");
  const pressing = event.key === " " && event.target.closest("button");
  if (typing || pressing || event.ctrlKey || event.metaKey || event.altKey || KEYS[event.key] === undefined) return;
  event.preventDefault();
  KEYS[event.key]();
});

byId("mark").addEventListener("click", mark);
byId("closer").addEventListener("click", () => graph.zoom(1.3));
byId("farther").addEventListener("click", () => graph.zoom(1 / 1.3));
byId("fit").addEventListener("click", () => graph.fit());

async function start() {
  try {
    await timeline.open();
  } catch (error) {
    // Without events there is no history, but there is a now.
    if (error.kind !== "NotFound") told(error);
  }
  refresh();
}

/** A refusal is worth more than a stream that does not come: it says why. */
async function begin() {
  try {
    onAbout(await ask("about"));
    follow({ about: onAbout, events: onEvents, lost: onLost });
  } catch (error) {
    told(error);
    if (error.kind === "Lost") setTimeout(begin, 2000);
  }
}

begin();
