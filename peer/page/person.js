// What is said about a person.

import { called, clean } from "./text.js";
import { roundTrip, since, span } from "./time.js";

/** Beyond this, times that the other's clock gave mislead. */
const SKEW_MS = 60000;

/** Where a person is, and by which way: a sentence without its end. */
export function way(person) {
  if (person.blocked) return "blocked";
  const network = clean(person.network);
  switch (person.state) {
    case "online": {
      const time = person.rtt_us > 0 ? `, ${roundTrip(person.rtt_us)}` : "";
      if (person.via.length === 0) return `on this network${time}`;
      return `in ${network || "another network"}, across ${bridges(person.via)}${time}`;
    }
    case "asleep": return "asleep: woken when you write";
    case "left": return person.last_seen > 0 ? `away since ${since(person.last_seen)}` : "away";
    case "unreachable": return `out of reach since ${since(person.last_seen)}: a link between bridges is down`;
    case "gone": return "not there any more";
    default: return "not seen since your peer started";
  }
}

/** The bridges on the way: those of one's own network have names, of the others only ids are known. */
function bridges(hops) {
  const names = hops.map((hop) => clean(hop.name)).filter((name) => name !== "");
  const others = hops.length - names.length;
  if (others > 0) names.push(names.length === 0 ? (others === 1 ? "a bridge" : `${others} bridges`) : others === 1 ? "another bridge" : `${others} more`);
  return names.length < 3 ? names.join(" and ") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}

/** The same with what matters in a conversation. */
export function standing(person) {
  const parts = [way(person)];
  if (Math.abs(person.skew_ms) > SKEW_MS) parts.push(`their clock is ${span(Math.abs(person.skew_ms))} ${person.skew_ms > 0 ? "ahead" : "behind"}: times shown mislead`);
  return parts.join(" · ");
}

/** Whether the name of somebody one has talked to turns up under another key. */
export const isDoubtful = (person) => person.namesakes.length > 0 && !person.verified;

/** A colour that always goes with an id. */
export const hue = (id) => [...id.slice(0, 6)].reduce((sum, letter) => sum * 33 + letter.charCodeAt(0), 7) % 360;

/** The letter in the circle. */
export const initial = (person) => [...called(person)][0]?.toUpperCase() ?? "?";
