//! Messages as lines of the screen.

use proto::control::v1::{DeliveryState, Direction, InboxItem};
use ratatui::{
    style::{Modifier, Style, Stylize as _},
    text::{Line, Span},
};
use unicode_width::UnicodeWidthStr as _;

use super::{clock, outbox::Outgoing, text, way};

/// Columns of the time before a message, and of the space before its further lines.
const MARGIN: usize = 6;
/// The most columns of a name before a message.
const NAME: usize = 16;

/// A message of a conversation.
#[derive(Debug, Clone, Copy)]
pub(super) enum Entry<'a> {
    /// In the history.
    Stored(&'a InboxItem),
    /// Not in the history as far as it was told.
    Outgoing(&'a Outgoing, Option<&'a InboxItem>),
}

/// What the lines of a message depend on beside it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setting<'a> {
    pub(super) width: usize,
    /// The other one's name.
    pub(super) name: &'a str,
    /// Why what waits for the other one waits.
    pub(super) reason: &'a str,
    pub(super) unread_from: Option<u64>,
    pub(super) hit: Option<u64>,
    pub(super) now_ms: u64,
}

impl Entry<'_> {
    /// Its place in the order of the conversation.
    pub(super) const fn position(&self) -> u64 {
        match self {
            Self::Stored(item) => item.position,
            Self::Outgoing(..) => u64::MAX,
        }
    }

    fn is_queued(&self) -> bool {
        matches!(self, Self::Stored(item) | Self::Outgoing(_, Some(item)) if item.state() == DeliveryState::Queued)
    }

    const fn at_ms(&self) -> u64 {
        match self {
            Self::Stored(item) => item.sent_at_ms,
            Self::Outgoing(outgoing, _) => outgoing.at_ms,
        }
    }
}

/// The lines of a message, with the line of a new day or of the first unread one before it.
pub(super) fn lines(
    entry: Entry<'_>,
    before: Option<Entry<'_>>,
    setting: &Setting<'_>,
) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    let day = clock::day(entry.at_ms());
    if before.is_none_or(|before| clock::day(before.at_ms()) != day) {
        lines.push(rule(&day, setting.width).dim());
    }
    if setting.unread_from.is_some_and(|unread| unread == entry.position()) {
        lines.push(rule("new messages", setting.width).style(Style::new().red()));
    }
    let (own, said) = match entry {
        Entry::Stored(item) => (item.direction() == Direction::Out, said(item)),
        Entry::Outgoing(outgoing, _) => (true, text::harmless(&outgoing.text)),
    };
    let name = if own { "you".to_owned() } else { text::fitting(setting.name, NAME) };
    let name_style = if own { Style::new().cyan().bold() } else { Style::new().green().bold() };
    let found = setting.hit.is_some_and(|hit| hit == entry.position());
    let style = if found { Style::new().add_modifier(Modifier::REVERSED) } else { Style::new() };
    let room = setting.width.saturating_sub(MARGIN).max(1);
    let parts = text::wrap(&said, room, name.width() + 1);
    for (number, part) in parts.into_iter().enumerate() {
        let mut spans = Vec::with_capacity(4);
        if number == 0 {
            spans.push(Span::raw(format!("{:<MARGIN$}", clock::hour(entry.at_ms()))).dim());
            spans.push(Span::styled(name.clone(), name_style));
            spans.push(Span::raw(" "));
        } else {
            spans.push(Span::raw(" ".repeat(MARGIN)));
        }
        spans.push(Span::styled(part, style));
        lines.push(Line::from(spans));
    }
    if own {
        add_state(&mut lines, state(entry, before, setting), setting.width);
    }
    lines
}

/// The text of a message.
pub(super) fn said(item: &InboxItem) -> String {
    match item.unknown_content {
        0 => text::harmless(&item.text),
        bytes => format!("[{bytes} bytes of a kind that this version does not know]"),
    }
}

/// A word in the middle of a line.
fn rule(word: &str, width: usize) -> Line<'static> {
    let room = width.saturating_sub(word.width() + 2);
    let (left, right) = (room / 2, room - room / 2);
    Line::from(format!("{} {word} {}", "\u{2500}".repeat(left), "\u{2500}".repeat(right)))
}

/// What has become of one's own message: a word, and whether it needs attention.
fn state(entry: Entry<'_>, before: Option<Entry<'_>>, setting: &Setting<'_>) -> (String, Style) {
    let (Entry::Stored(item) | Entry::Outgoing(_, Some(item))) = entry else {
        return ("not stored yet".into(), Style::new().yellow());
    };
    let at = clock::short(item.state_at_ms, setting.now_ms);
    let because = |reason: &str| match reason {
        "" => String::new(),
        reason => format!(": {}", way::reason(reason, setting.now_ms)),
    };
    match item.state() {
        DeliveryState::Queued => {
            let reason = if item.reason.is_empty() { setting.reason } else { &item.reason };
            // Why is said once: what follows waits for the same.
            let reason = if before.is_some_and(|before| before.is_queued()) { "" } else { reason };
            (format!("queued{}", because(reason)), Style::new().yellow())
        }
        DeliveryState::AtPeer => (format!("at peer {at}"), Style::new().dim()),
        DeliveryState::Read => (format!("read {at}"), Style::new().green()),
        DeliveryState::Refused => (format!("refused{}", because(&item.reason)), Style::new().red()),
        DeliveryState::Received | DeliveryState::Unspecified => (String::new(), Style::new()),
    }
}

/// Behind the text where there is room, else below it.
fn add_state(lines: &mut Vec<Line<'static>>, (word, style): (String, Style), width: usize) {
    if word.is_empty() {
        return;
    }
    let word = format!("\u{b7} {word}");
    if let Some(last) = lines.last_mut().filter(|last| last.width() + 2 + word.width() <= width) {
        last.push_span(Span::raw("  "));
        last.push_span(Span::styled(word, style));
        return;
    }
    for part in text::wrap(&word, width.saturating_sub(MARGIN).max(1), 0) {
        lines.push(Line::from(vec![Span::raw(" ".repeat(MARGIN)), Span::styled(part, style)]));
    }
}
