//! How somebody is reached, in words.

use proto::control::v1::{Hop, Person};

use super::{clock, text};
use crate::output;

/// In a line: state, way, round trip.
pub(super) fn short(person: &Person, now_ms: u64) -> String {
    let mut parts = vec![state(person, now_ms)];
    if person.state == "online" {
        parts.push(bridges(person));
        if person.round_trip_us > 0 {
            parts.push(output::milliseconds(person.round_trip_us));
        }
    }
    parts.join(" \u{b7} ")
}

/// Whether somebody is there, and since when not.
pub(super) fn state(person: &Person, now_ms: u64) -> String {
    let seen = clock::short(person.last_seen_ms, now_ms);
    match person.state.as_str() {
        "online" => "online".into(),
        "asleep" => "asleep: reached when there is something to say".into(),
        "left" if !seen.is_empty() => format!("gone, last there {seen}"),
        "left" => "gone".into(),
        "unreachable" => format!("out of reach, last there {seen}: a link between bridges is down"),
        _ if seen.is_empty() => "not seen since the start".into(),
        _ => format!("not seen since {seen}"),
    }
}

/// The bridges on the way, or that there are none.
pub(super) fn bridges(person: &Person) -> String {
    if person.via.is_empty() {
        return "in this network".into();
    }
    let names: Vec<_> = person.via.iter().map(hop).collect();
    format!("by {}", names.join(" > "))
}

/// What a peer says about now, with its times as they are told here.
pub(super) fn reason(said: &str, now_ms: u64) -> String {
    let words = text::one_line(said);
    let words = words.split(' ').map(|word| {
        let bare = word.trim_end_matches([';', ',', '.', ':']);
        let time =
            bare.parse::<jiff::Timestamp>().ok().and_then(|time| u64::try_from(time.as_millisecond()).ok());
        time.map_or_else(
            || word.to_owned(),
            |time| format!("{}{}", clock::short(time, now_ms), &word[bare.len()..]),
        )
    });
    words.collect::<Vec<_>>().join(" ")
}

fn hop(hop: &Hop) -> String {
    match text::one_line(&hop.name) {
        name if name.trim().is_empty() => output::short(&hop.node_id),
        name => name,
    }
}
