// Times as text, in the reader's own language and time zone.

const DAY_MS = 86400000;

const day = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const dayWithYear = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "long", year: "numeric" });
const hour = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const date = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const dateWithYear = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" });

export const clock = (ms) => hour.format(ms);
export const moment = (ms) => exact.format(ms);
export const dayKey = (ms) => new Date(ms).toDateString();

/** When a message was said: nothing was written after it came, whatever a clock elsewhere claims. */
export const said = (item) => (item.state === "received" ? Math.min(item.sent_at, item.state_at) : item.sent_at);

/** The day, as it stands between messages. */
export function dayName(ms, now = Date.now()) {
  if (dayKey(ms) === dayKey(now)) return "Today";
  const midnight = new Date(now);
  midnight.setHours(0, 0, 0, 0);
  if (dayKey(ms) === dayKey(midnight - 1)) return "Yesterday";
  return isNear(ms, now) ? day.format(ms) : dayWithYear.format(ms);
}

/** The time today, else the day. */
export function ago(ms, now = Date.now()) {
  if (dayKey(ms) === dayKey(now)) return clock(ms);
  return isNear(ms, now) ? date.format(ms) : dateWithYear.format(ms);
}

/** The time, with the day when it is another than today. */
export const since = (ms) => (dayKey(ms) === dayKey(Date.now()) ? clock(ms) : `${ago(ms)}, ${clock(ms)}`);

/** Whether a day is told without its year. */
const isNear = (ms, now) => Math.abs(now - ms) < 300 * DAY_MS;

/** Microseconds of a round trip. */
export const roundTrip = (us) => (us < 10000 ? `${Math.max(0.1, us / 1000).toFixed(1)} ms` : `${Math.round(us / 1000)} ms`);

/** A length of time, roughly. */
export function span(ms) {
  const minutes = Math.round(ms / 60000);
  if (minutes < 120) return `${minutes} minutes`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `${hours} hours` : `${Math.round(hours / 24)} days`;
}
