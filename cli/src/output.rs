//! How answers look: tables for people, one JSON object per line for programs.

use std::io::{self, Write as _};

use bytes::Bytes;
use comfy_table::{Table, presets};
use identity::NodeId;
use proto::node::v1::{Network, NodeKind};
use serde_json::{Value, json};

/// Writes one line to stdout; a reader that went away is an error that ends the command quietly.
pub(crate) fn line(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}

/// Writes one JSON object as a line.
pub(crate) fn object(value: &Value) -> io::Result<()> {
    line(&value.to_string())
}

/// A table without lines.
pub(crate) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header.to_vec());
    table
}

/// A node id, or what stands for none.
pub(crate) fn id(bytes: &Bytes) -> String {
    NodeId::try_from(bytes).map(|id| id.to_string()).unwrap_or_default()
}

/// The first characters of a node id.
pub(crate) fn short(bytes: &Bytes) -> String {
    NodeId::try_from(bytes).map(|id| format!("{}", id.short())).unwrap_or_default()
}

/// What somebody is called: by name, by the first characters of the id where no name is known.
pub(crate) fn called(name: &str, id: &Bytes) -> String {
    if name.is_empty() { short(id) } else { harmless(name) }
}

/// `lan`, or the ids of the bridges on the way; null where no way is `known`.
pub(crate) fn via(known: bool, bridges: &[Bytes]) -> Value {
    match bridges {
        [] if !known => Value::Null,
        [] => json!("lan"),
        bridges => bridges.iter().map(id).collect(),
    }
}

/// The same for people.
pub(crate) fn via_text(known: bool, bridges: &[Bytes]) -> String {
    match bridges {
        [] if !known => String::new(),
        [] => "lan".into(),
        bridges => bridges.iter().map(short).collect::<Vec<_>>().join(" > "),
    }
}

/// A number with its noun.
pub(crate) fn count(number: u32, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// A network's name.
pub(crate) fn network(network: Option<&Network>) -> String {
    network.map(|network| network.name.clone()).unwrap_or_default()
}

/// A node's kind, as a word.
pub(crate) const fn kind(kind: NodeKind) -> &'static str {
    match kind {
        NodeKind::Unspecified => "unknown",
        NodeKind::Peer => "peer",
        NodeKind::Bridge => "bridge",
        NodeKind::Dispatcher => "dispatcher",
    }
}

/// RFC 3339 in UTC with milliseconds; empty for 0.
pub(crate) fn time(unix_ms: u64) -> String {
    if unix_ms == 0 {
        return String::new();
    }
    i64::try_from(unix_ms)
        .ok()
        .and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok())
        .map(|time| format!("{time:.3}"))
        .unwrap_or_default()
}

/// The time of day for people, in the machine's time zone.
pub(crate) fn clock(rfc3339: &str) -> String {
    local(rfc3339, "%F %T")
}

/// The same with milliseconds.
pub(crate) fn clock_millis(rfc3339: &str) -> String {
    local(rfc3339, "%F %T%.3f")
}

fn local(rfc3339: &str, format: &str) -> String {
    rfc3339.parse::<jiff::Timestamp>().map_or_else(
        |_| String::new(),
        |time| time.to_zoned(jiff::tz::TimeZone::system()).strftime(format).to_string(),
    )
}

/// Milliseconds with two digits behind the point; nothing for 0.
pub(crate) fn milliseconds(microseconds: u32) -> String {
    if microseconds == 0 { String::new() } else { format!("{:.2} ms", f64::from(microseconds) / 1_000.0) }
}

/// Text of others on one's own terminal: control characters cannot move the cursor or ring the bell.
pub(crate) fn harmless(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' && c != '\t' { '\u{fffd}' } else { c }).collect()
}
