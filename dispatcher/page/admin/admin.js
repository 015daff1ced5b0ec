// The kept peers, as they are now, and what may be done to one. Everything that is shown is text, never markup.

const byId = (id) => document.getElementById(id);
const say = (target, text) => { if (target.textContent !== text) target.textContent = text; };

/** Between two looks, milliseconds. */
const LOOK_EVERY = 2000;

const STATES = ["held", "asleep", "vacant", "starting", "stopping", "broken"];
/** Those that may have memory. */
const RUNNING = ["held", "vacant", "elsewhere"];
const STEPS = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
const rows = new Map();
let removing = null;

/** How long, in its largest whole unit. */
function time(seconds) {
  const [unit, size] = STEPS.find(([, size]) => seconds >= size) ?? STEPS[3];
  return new Intl.NumberFormat([], { style: "unit", unit, unitDisplay: "long", maximumFractionDigits: 0 }).format(Math.floor(seconds / size));
}

/** Of one that runs, also that it is not known. */
function memory(peer) {
  if (peer.resident_kib !== null) return `${(peer.resident_kib / 1024).toFixed(1)} MiB`;
  return RUNNING.includes(peer.state) ? "unknown" : "";
}

function cell(row, className = "") {
  const made = row.insertCell();
  made.className = className;
  return made;
}

function button(row, text, act) {
  const made = document.createElement("button");
  made.textContent = text;
  made.addEventListener("click", act);
  row.lastElementChild.append(made);
  return made;
}

function rowOf(number) {
  if (rows.has(number)) return rows.get(number);
  const row = document.createElement("tr");
  const cells = { id: cell(row), state: cell(row), user: cell(row), age: cell(row), visited: cell(row), memory: cell(row, "number"), acts: cell(row) };
  const parts = { row, ...cells, code: document.createElement("code"), badge: document.createElement("span"), trouble: document.createElement("div") };
  parts.id.append(`${number} `, parts.code);
  parts.badge.className = "state";
  parts.trouble.className = "trouble";
  parts.state.append(parts.badge, parts.trouble);
  row.dataset.number = number;
  parts.stop = button(row, "Stop", () => act(number, "stop"));
  parts.wake = button(row, "Wake", () => act(number, "wake"));
  parts.remove = button(row, "Remove", () => sure(number));
  parts.remove.className = "danger";
  rows.set(number, parts);
  return parts;
}

function show(told) {
  const count = (state) => told.peers.filter((peer) => peer.state === state).length;
  say(byId("name"), `Peers kept by ${told.about.name}`);
  byId("login").href = told.about.url;
  byId("login").hidden = false;
  const states = STATES.filter((state) => count(state) > 0).map((state) => `${count(state)} ${state}`);
  const waiting = told.waiting > 0 ? `; ${told.waiting} waiting for one` : "";
  say(byId("sums"), `${told.peers.length} of at most ${told.about.max_peers}: ${states.join(", ") || "none"}${waiting}`);
  const warnings = told.warnings.map((warning) => Object.assign(document.createElement("li"), { textContent: warning }));
  byId("warnings").replaceChildren(...warnings);
  byId("none").hidden = told.peers.length > 0;
  const seen = new Set();
  for (const peer of told.peers) {
    seen.add(peer.number);
    const parts = rowOf(peer.number);
    say(parts.code, peer.id.slice(0, 8));
    parts.code.title = peer.id;
    parts.badge.dataset.state = peer.state;
    say(parts.badge, peer.state);
    say(parts.trouble, peer.trouble);
    say(parts.user, peer.user === "" ? "nobody's" : peer.user.slice(0, 8));
    say(parts.age, time(peer.age_s));
    say(parts.visited, peer.user === "" ? "" : time(peer.visited_s));
    say(parts.memory, memory(peer));
    parts.stop.hidden = peer.state !== "held";
    parts.wake.hidden = peer.state !== "asleep" && peer.state !== "broken";
    if (!parts.row.isConnected) byId("peers").append(parts.row);
  }
  for (const [number, parts] of rows) {
    if (seen.has(number)) continue;
    parts.row.remove();
    rows.delete(number);
  }
}

function connection(text, lost = false) {
  say(byId("connection"), text);
  byId("connection").classList.toggle("lost", lost);
}

async function look() {
  try {
    const answer = await fetch("/api/peers");
    const told = await answer.json();
    if (answer.status === 401) return connection("This needs a new link: causeway open", true);
    if (!answer.ok) throw new Error(told.error);
    show(told);
    connection("live");
  } catch {
    connection("The dispatcher does not answer", true);
  }
  setTimeout(look, LOOK_EVERY);
}

async function act(number, what) {
  const body = JSON.stringify({ peer: String(number), act: what });
  try {
    const answer = await fetch("/api/act", { method: "POST", headers: { "content-type": "application/json" }, body });
    if (!answer.ok) connection((await answer.json()).error, true);
  } catch {
    connection("The dispatcher does not answer", true);
  }
}

function sure(number) {
  removing = number;
  say(byId("sure-which"), `Peer ${number}, ${rows.get(number).user.textContent}.`);
  byId("sure").showModal();
}

byId("remove").addEventListener("click", () => {
  byId("sure").close();
  act(removing, "delete");
});
byId("keep").addEventListener("click", () => byId("sure").close());
if (location.hash === "#used") connection("This link was used already: causeway open makes another", true);
look();
