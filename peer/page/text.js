// Texts of others, made fit to be shown.

/** What no font shows, or what reorders the line: in a name it can only deceive. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Zl}\p{Zp}\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\uffa0\ufe00-\ufe0f]/gu;
/** More marks over one letter than any script needs: they would cover the lines above and below. */
const PILED = /(\p{M}{4})\p{M}+/gu;
const LINK = /\b(?:https?:\/\/|mailto:)[^\s<>"'`\p{Cf}]+/giu;
const EMOJI = /^(?:\p{Extended_Pictographic}(?:\ufe0f|\p{Emoji_Modifier})?(?:\u200d\p{Extended_Pictographic}(?:\ufe0f|\p{Emoji_Modifier})?)*|\p{Regional_Indicator}{2}|\s){1,12}$/u;

/** The first characters of an id. */
export const short = (id) => id.slice(0, 8);

/** One line without what cannot be seen. */
export const clean = (text) => text.replace(UNSEEN, (found) => (/\s/u.test(found) ? " " : "")).replace(PILED, "$1").replace(/\s+/gu, " ").trim();

/** What a person is called: the name, or the beginning of the id. */
export const called = (person) => clean(person.name) || short(person.id);

/** What names are told apart by, and found by. */
export const folded = (name) => clean(name).normalize("NFKC").toLowerCase();

/** Whether there is nothing but a few emoji. */
export const isEmoji = (text) => text.length <= 64 && EMOJI.test(text) && text.trim() !== "";

/** The beginning of a text that is longer, or has more lines, than that; the whole text if not. */
export function head(text, letters, lines) {
  let end = text.length > letters ? letters : text.length;
  for (let found = -1, count = 0; count < lines; count += 1) {
    found = text.indexOf("\n", found + 1);
    if (found < 0 || found >= end) break;
    if (count === lines - 1) end = found;
  }
  // Half a letter is none.
  if (end < text.length && /[\ud800-\udbff]/u.test(text[end - 1])) end -= 1;
  return text.slice(0, end);
}

/** The nodes of a text, with links where addresses stand: what is shown is where they lead. */
export function nodes(text) {
  const made = [];
  let end = 0;
  for (const found of text.matchAll(LINK)) {
    const address = ended(found[0]);
    if (!isAddress(address)) continue;
    made.push(text.slice(end, found.index));
    const link = document.createElement("a");
    Object.assign(link, { href: address, textContent: address, rel: "noopener noreferrer", target: "_blank", dir: "ltr" });
    made.push(link);
    end = found.index + address.length;
  }
  made.push(text.slice(end));
  return made.filter((part) => part !== "");
}

/** An address without what ends the sentence around it; a bracket stays if it was opened inside. */
function ended(found) {
  let address = found.replace(/[.,;:!?]+$/u, "");
  while (/[)\]}]$/u.test(address) && count(address, /[([{]/gu) < count(address, /[)\]}]/gu)) {
    address = address.slice(0, -1).replace(/[.,;:!?]+$/u, "");
  }
  return address;
}

const count = (text, what) => (text.match(what) ?? []).length;

/** An address that leads where it seems to: what stands before an @ is no place, however much it looks like one. */
function isAddress(text) {
  try {
    const { protocol, username, password } = new URL(text);
    return ["http:", "https:", "mailto:"].includes(protocol) && username === "" && password === "";
  } catch {
    return false;
  }
}
