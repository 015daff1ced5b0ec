// Texts of others, made fit to be shown, and times.

/** What no font shows, or what reorders the line: in a name it can only deceive. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Zl}\p{Zp}\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\uffa0\ufe00-\ufe0f]/gu;
const LINK = /\b(?:https?:\/\/|mailto:)[^\s<>"'`\p{Cf}]+/giu;
const EMOJI = /^(?:\p{Extended_Pictographic}(?:\ufe0f|\p{Emoji_Modifier})?(?:\u200d\p{Extended_Pictographic}(?:\ufe0f|\p{Emoji_Modifier})?)*|\p{Regional_Indicator}{2}|\s){1,12}$/u;

const day = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const dayWithYear = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "long", year: "numeric" });
const hour = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const date = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });

/** The first characters of an id. */
export const short = (id) => id.slice(0, 8);

/** A name without what cannot be seen. */
export const clean = (name) => name.replace(UNSEEN, "").replace(/\s+/gu, " ").trim();

/** What a person is called: the name, or the beginning of the id. */
export const called = (person) => clean(person.name) || short(person.id);

/** What names are told apart by. */
export const folded = (name) => clean(name).toLowerCase();

export const clock = (ms) => hour.format(ms);
export const moment = (ms) => exact.format(ms);
export const dayKey = (ms) => new Date(ms).toDateString();

/** The day, as it stands between messages. */
export function dayName(ms, now = Date.now()) {
  if (dayKey(ms) === dayKey(now)) return "Today";
  if (dayKey(ms) === dayKey(now - 86400000)) return "Yesterday";
  return Math.abs(now - ms) < 300 * 86400000 ? day.format(ms) : dayWithYear.format(ms);
}

/** The time today, else the day. */
export const ago = (ms) => (dayKey(ms) === dayKey(Date.now()) ? clock(ms) : date.format(ms));

/** Whether there is nothing but a few emoji. */
export const isEmoji = (text) => text.length <= 64 && EMOJI.test(text) && text.trim() !== "";

/** The nodes of a text, with links where addresses stand: what is shown is where they lead. */
export function nodes(text) {
  const made = [];
  let end = 0;
  for (const found of text.matchAll(LINK)) {
    const address = found[0].replace(/[.,;:!?)\]}]+$/u, "");
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

function isAddress(text) {
  try {
    return ["http:", "https:", "mailto:"].includes(new URL(text).protocol);
  } catch {
    return false;
  }
}
