// The login: asks until there is a peer to go to, and says what is going on.

const byId = (id) => document.getElementById(id);
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** Other sites cannot send this header. */
const OF_THE_PAGE = { "x-causeway": "1" };

/** How long the page waits by itself before it offers to try again, milliseconds. */
const PATIENCE = 120_000;
/** Between two questions, milliseconds. */
const PACE = 300;

function say(text, wrong = false) {
  byId("told").textContent = text;
  byId("told").classList.toggle("wrong", wrong);
}

/** Asks once. Gives how long to wait before the next time, or null when the browser is on its way. */
async function ask() {
  let answer;
  try {
    answer = await fetch("/api/login", { method: "POST", headers: OF_THE_PAGE });
  } catch {
    say("This place does not answer. Trying again\u2026");
    return 2000;
  }
  const told = await answer.json();
  if (told.go !== undefined) {
    say("On the way to your peer\u2026");
    location.assign(told.go);
    return null;
  }
  if (told.wait !== undefined) {
    say(told.wait);
    return PACE;
  }
  if (answer.status === 429) {
    say(`${sentence(told.error)}.`);
    return (told.retry_s ?? 10) * 1000;
  }
  throw new Error(sentence(told.error ?? "this place cannot help just now"));
}

function sentence(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

async function login() {
  const button = byId("login");
  button.disabled = true;
  say("Looking for your peer\u2026");
  try {
    const until = Date.now() + PATIENCE;
    for (;;) {
      const wait = await ask();
      if (wait === null) return;
      if (Date.now() > until) throw new Error("It takes longer than it should");
      await pause(wait);
    }
  } catch (error) {
    say(`${error.message}. Try again.`, true);
    button.textContent = "Try again";
    button.disabled = false;
  }
}

async function logout() {
  await fetch("/api/logout", { method: "POST", headers: OF_THE_PAGE });
  await show();
  say("This browser is logged out. Only the recovery link leads back to that peer.");
}

/** The key of a recovery link, which stands behind the `#` so that no server on the way sees it. */
let key = "";

/** Reads a recovery link from the address, and takes it away from there. */
function readLink() {
  key = location.hash.startsWith("#recover=") ? location.hash.slice("#recover=".length) : "";
  if (location.hash !== "") history.replaceState(null, "", "/");
  byId("recover").hidden = key === "";
  if (key !== "") byId("use").focus();
}

async function recover() {
  const answer = await fetch("/api/recover", { method: "POST", headers: OF_THE_PAGE, body: key });
  byId("recover").hidden = true;
  if (answer.ok) {
    await show();
    say("Your peer is known to this browser again.");
  } else {
    say(`${sentence((await answer.json()).error)}.`, true);
  }
}

async function show() {
  const me = await (await fetch("/api/me")).json();
  byId("known").hidden = me.recovery === null;
  byId("recovery").value = me.recovery ?? "";
  byId("login").textContent = me.recovery === null ? "Log in" : "Go to my peer";
  byId("forget").textContent = me.forget;
}

byId("login").addEventListener("click", login);
byId("logout").addEventListener("click", () => logout().catch(() => say("That did not work. Try again.", true)));
byId("copy").addEventListener("click", async () => {
  byId("recovery").select();
  await navigator.clipboard.writeText(byId("recovery").value).catch(() => {});
});
byId("use").addEventListener("click", () => recover().catch(() => say("That did not work. Try again.", true)));
byId("ignore").addEventListener("click", () => { byId("recover").hidden = true; });
addEventListener("hashchange", readLink);
readLink();
// Back from a peer by the browser's history: the button is to work again.
addEventListener("pageshow", () => { byId("login").disabled = false; });
show().catch(() => say("This place does not answer. Reload the page.", true));
