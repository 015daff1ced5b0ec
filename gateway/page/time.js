// Times, durations and sizes as text, in the reader's own language and time zone.

const whole = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3, hour12: false });
const day = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" });

/** Date and time of milliseconds since 1970. */
export const dateTime = (ms) => whole.format(ms);

/** The time of day, with the day when it is another one than today. */
export function timeOfDay(ms) {
  const today = new Date(ms).toDateString() === new Date().toDateString();
  return today ? clock.format(ms) : `${day.format(ms)} ${clock.format(ms)}`;
}

/** Milliseconds since 1970 of an RFC 3339 text. */
export const parse = (text) => Date.parse(text);

/** A length of time: the two largest units. */
export function duration(ms) {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  let left = Math.round(ms / 1000);
  const parts = [];
  for (const [name, seconds] of units) {
    const count = Math.floor(left / seconds);
    left -= count * seconds;
    if (count > 0) parts.push(`${count} ${name}`);
    if (parts.length === 2) break;
  }
  return parts.join(" ");
}

/** Microseconds as milliseconds. */
export const roundTrip = (us) => (us >= 10_000 ? `${Math.round(us / 1000)} ms` : `${(us / 1000).toFixed(2)} ms`);

/** Bytes per second. */
export function rate(bytes) {
  if (bytes < 1000) return `${Math.round(bytes)} B/s`;
  if (bytes < 1e6) return `${(bytes / 1000).toFixed(1)} kB/s`;
  return `${(bytes / 1e6).toFixed(1)} MB/s`;
}
