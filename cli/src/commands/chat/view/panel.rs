//! Panels as lines.

use bytes::Bytes;
use ratatui::{
    style::{Style, Stylize as _},
    text::{Line, Span},
};
use unicode_width::UnicodeWidthStr as _;

use super::safety;
use crate::{
    commands::chat::{
        clock, command,
        conversation::partner,
        model::Model,
        panel::{Kind, Search},
        people, text, transcript, way,
    },
    output,
};

/// Lines above the first hit of a search.
pub(in crate::commands::chat) const SEARCH_HEAD: usize = 2;
/// Lines of a hit.
pub(in crate::commands::chat) const HIT_LINES: usize = 2;

const KEYS: &[(&str, &str)] = &[
    ("Enter", "send"),
    ("Alt-Enter, Ctrl-J", "a new line"),
    ("Tab", "find somebody: type a part of the name, Enter opens"),
    ("Alt-Up Alt-Down", "the conversation above or below, also Ctrl-P Ctrl-N"),
    ("Alt-A", "the next conversation with something unread"),
    ("PgUp PgDn", "scroll; Shift-Up Shift-Down by a line, Home and End when nothing is typed"),
    ("Up Down", "what was typed before, when nothing is typed"),
    ("Ctrl-A Ctrl-E", "to the beginning or end of the line; Alt-B Alt-F by a word"),
    ("Ctrl-W Alt-D", "delete a word; Ctrl-U Ctrl-K to the beginning or end of the line"),
    ("Ctrl-Y Ctrl-Z", "put back what was deleted; undo"),
    ("Esc", "close this; back to the newest message"),
    ("Ctrl-L", "draw everything anew"),
    ("Ctrl-C", "drop what is typed; when nothing is, leave"),
];
const SIGNS: &[(&str, &str)] = &[
    ("\u{25cf} \u{25d0} \u{25cb} x", "online, asleep, gone, blocked"),
    ("\u{2713} ?", "verified; the name is also somebody else's"),
    ("\u{2191}2 (3)", "two messages wait to be sent, three are not read"),
    ("queued", "stored here, not at the peer"),
    ("at peer", "stored there, not read yet"),
    ("read", "seen by the person there"),
];

/// What the panel says, all of it; nothing without one.
pub(in crate::commands::chat) fn lines(model: &Model) -> Vec<Line<'static>> {
    let Some(panel) = &model.panel else { return Vec::new() };
    let width = usize::from(model.areas().body.width).max(1);
    match &panel.kind {
        Kind::Help => help(width),
        Kind::Who => who(model, width),
        Kind::Route(peer) => route(model, peer, width),
        Kind::Verify(verify) => safety::lines(model, verify, width),
        Kind::Search(search) => self::search(model, search, width),
        Kind::Delete(peer) => delete(model, peer, width),
    }
}

fn help(width: usize) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    for (title, rows) in [("Keys", KEYS), ("Commands", command::COMMANDS), ("Signs", SIGNS)] {
        lines.push(Line::from(title).bold());
        rows.iter().for_each(|(key, meaning)| lines.extend(row(key, meaning, width)));
        lines.push(Line::default());
    }
    lines.extend(wrapped("A line that begins with // is a message that begins with /. The mouse chooses people and scrolls; with Shift it selects text as usual.", width));
    lines
}

/// A word and what it means, side by side.
fn row(word: &str, meaning: &str, width: usize) -> Vec<Line<'static>> {
    const WORD: usize = 20;
    let room = width.saturating_sub(WORD).max(12);
    let parts = text::wrap(meaning, room, 0);
    let first = Span::raw(format!("  {word}{}", " ".repeat(WORD.saturating_sub(2 + word.width()))));
    let blank = Span::raw(" ".repeat(WORD));
    let heads = std::iter::once(first).chain(std::iter::repeat(blank));
    heads.zip(parts).map(|(head, part)| Line::from(vec![head, Span::raw(part)])).collect()
}

pub(super) fn wrapped(sentence: &str, width: usize) -> Vec<Line<'static>> {
    text::wrap(sentence, width, 0).into_iter().map(Line::from).collect()
}

fn who(model: &Model, width: usize) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    for warning in &model.me.warnings {
        lines.extend(wrapped(&text::one_line(warning), width).into_iter().map(|line| line.yellow()));
    }
    let mut there: Vec<_> = model.people.everybody().filter(|person| person.state == "online").collect();
    there.sort_by_cached_key(|person| (people::name(person).to_lowercase(), person.node_id.clone()));
    let count = match u32::try_from(there.len()).unwrap_or(u32::MAX) {
        0 => "nobody else is there".to_owned(),
        count => output::count(count, "person is there", "people are there"),
    };
    lines.push(Line::from(count).bold());
    for person in there {
        let name = text::fitting(&people::full_name(person), (width / 3).max(8));
        let pad = (width / 3).max(8).saturating_sub(name.width()) + 1;
        let network = text::one_line(&output::network(person.network.as_ref()));
        let trip = output::milliseconds(person.round_trip_us);
        let rest = format!("{network}  {}  {trip}", way::bridges(person));
        lines.push(Line::from(vec![Span::raw(name).bold(), Span::raw(" ".repeat(pad)), Span::raw(rest)]));
    }
    lines
}

fn route(model: &Model, peer: &Bytes, width: usize) -> Vec<Line<'static>> {
    let Some(person) = model.people.person(peer) else {
        return wrapped("nothing is known of this person any more", width);
    };
    let mut rows = vec![
        ("id", output::id(peer)),
        ("network", text::one_line(&output::network(person.network.as_ref()))),
        ("state", way::state(person, model.now_ms)),
    ];
    if person.state == "online" {
        rows.push(("way", way::bridges(person)));
    }
    if person.round_trip_us > 0 {
        rows.push(("round trip", output::milliseconds(person.round_trip_us)));
    }
    let session = if person.key_exchange.is_empty() {
        "no session at present".into()
    } else {
        text::one_line(&person.key_exchange)
    };
    rows.push(("key exchange", session));
    if person.skew_ms != 0 {
        rows.push((
            "clock",
            format!(
                "{} ms {} yours",
                person.skew_ms.unsigned_abs(),
                if person.skew_ms > 0 { "ahead of" } else { "behind" }
            ),
        ));
    }
    rows.push((
        "waiting",
        match (person.queued, person.reason.as_str()) {
            (0, _) => "nothing".into(),
            (count, "") => format!("{count} of your messages"),
            (count, reason) => format!("{count} of your messages: {}", way::reason(reason, model.now_ms)),
        },
    ));
    rows.push(("verified", if person.verified { "yes" } else { "no: /verify" }.into()));
    let mut lines = vec![Line::from(format!("The way to {}", people::name(person))).bold()];
    rows.retain(|(_, meaning)| !meaning.is_empty());
    rows.iter().for_each(|(word, meaning)| lines.extend(row(word, meaning, width)));
    lines
}

fn search(model: &Model, search: &Search, width: usize) -> Vec<Line<'static>> {
    let shown = text::fitting(&text::one_line(&search.text), width / 2);
    let title = match (search.hits.len(), search.loading) {
        (0, true) => format!("looking for {shown}"),
        (0, false) => format!("no message has {shown}"),
        (count, true) => format!("{count} with {shown}, looking for more"),
        (count, false) if search.next > 0 => format!("the newest {count} with {shown}"),
        (count, false) => format!("{count} with {shown}"),
    };
    let mut lines =
        vec![Line::from(title).bold(), Line::from("Up Down choose, Enter goes there, Esc closes").dim()];
    for (at, hit) in search.hits.iter().enumerate() {
        let peer = partner(hit);
        let name = model.people.person(peer).map_or_else(|| output::short(peer), people::full_name);
        let own = if *peer == hit.to { "you to " } else { "" };
        let head = format!("{own}{name}, {}", clock::short(hit.sent_at_ms, model.now_ms));
        let body = text::fitting(&format!("  {}", transcript::said(hit).replace('\n', " ")), width);
        let style = if at == search.chosen { Style::new().reversed() } else { Style::new() };
        lines.push(Line::from(text::fitting(&head, width)).cyan().patch_style(style));
        lines.push(Line::from(body).patch_style(style));
    }
    lines
}

fn delete(model: &Model, peer: &Bytes, width: usize) -> Vec<Line<'static>> {
    let name = model.people.person(peer).map_or_else(|| output::short(peer), people::full_name);
    let queued = model.people.person(peer).map_or(0, |person| person.queued);
    let mut lines = vec![Line::from(format!("Delete the conversation with {name}?")).bold(), Line::default()];
    let mut honest = vec![
        "From now on, no page, screen or command here shows what was said so far.".to_owned(),
        format!("The copy of {name} stays with {name}."),
        "The bytes stay in the files of your history: whoever reads the disk can find them.".to_owned(),
    ];
    if queued > 0 {
        honest.push(format!(
            "{} still sent.",
            output::count(
                u32::try_from(queued).unwrap_or(u32::MAX),
                "message that waits is",
                "messages that wait are"
            )
        ));
    }
    honest.iter().for_each(|sentence| lines.extend(wrapped(&format!("\u{b7} {sentence}"), width)));
    lines.push(Line::default());
    lines.extend(
        wrapped("y: delete it.  Any of Esc, Enter, n: keep it.", width).into_iter().map(|line| line.bold()),
    );
    lines
}
