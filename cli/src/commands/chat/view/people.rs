//! The people on the left.

use bytes::Bytes;
use proto::control::v1::Person;
use ratatui::{
    Frame,
    layout::Rect,
    style::{Style, Stylize as _},
    text::{Line, Span},
    widgets::{Block, Borders, Paragraph},
};
use unicode_width::UnicodeWidthStr as _;

use crate::commands::chat::{model::Model, people, text};

/// Draws those that fit, whoever is chosen among them.
pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, model: &Model) {
    if area.is_empty() {
        return;
    }
    let block = Block::new().borders(Borders::RIGHT).border_style(Style::new().dim());
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let (list, foot) = if model.choosing {
        let list = Rect { height: inner.height.saturating_sub(1), ..inner };
        (list, Some(Rect { y: inner.y + list.height, height: inner.height - list.height, ..inner }))
    } else {
        (inner, None)
    };
    let ids = model.people.shown();
    let first = model.first_person_shown(area.height);
    let seen = ids.iter().skip(first).take(usize::from(list.height));
    let lines: Vec<_> =
        seen.filter_map(|id| Some(line(model, id, model.people.person(id)?, inner.width))).collect();
    if lines.is_empty() {
        let none = if model.people.filter().is_empty() { "nobody here yet" } else { "nobody of that name" };
        frame.render_widget(Line::from(none).dim(), list);
    } else {
        frame.render_widget(Paragraph::new(lines), list);
    }
    if let Some(foot) = foot {
        let filter = format!("find: {}_", text::one_line(model.people.filter()));
        frame.render_widget(Line::from(filter).bold(), foot);
    }
}

fn line(model: &Model, id: &Bytes, person: &Person, width: u16) -> Line<'static> {
    let width = usize::from(width);
    let chosen =
        if model.choosing { model.people.marked() == Some(id) } else { model.open.as_ref() == Some(id) };
    let tail = tail(model, person);
    let name = text::fitting(&people::full_name(person), width.saturating_sub(tail.width() + 3));
    let gap = width.saturating_sub(2 + name.width() + tail.width());
    let (sign, sign_style) = sign(person);
    let name_style = if person.unread > 0 { Style::new().bold() } else { Style::new() };
    let line = Line::from(vec![
        Span::styled(sign, sign_style),
        Span::raw(" "),
        Span::styled(name, name_style),
        Span::raw(" ".repeat(gap)),
        Span::styled(tail, Style::new().yellow().bold()),
    ]);
    if !chosen {
        return line;
    }
    // In one piece: with the colours reversed it would be a patchwork.
    let spans = line.spans.into_iter().map(|span| Span::raw(span.content).reversed());
    let line = Line::from_iter(spans);
    if person.unread > 0 { line.bold() } else { line }
}

/// Whether somebody is there; the help explains the signs.
fn sign(person: &Person) -> (&'static str, Style) {
    match person.state.as_str() {
        _ if person.blocked => ("x", Style::new().red()),
        "online" => ("\u{25cf}", Style::new().green()),
        "asleep" => ("\u{25d0}", Style::new().yellow()),
        _ => ("\u{25cb}", Style::new().dim()),
    }
}

/// Writing, draft, waiting, verified, unread.
fn tail(model: &Model, person: &Person) -> String {
    let mut tail = String::new();
    if person.typing {
        tail.push_str(" ...");
    } else if model.composer.has_draft(&person.node_id) {
        tail.push_str(" draft");
    }
    if person.verified {
        tail.push_str(" \u{2713}");
    } else if person.contact && !person.namesakes.is_empty() {
        tail.push_str(" ?");
    }
    if person.queued > 0 {
        tail.push_str(&format!(" \u{2191}{}", person.queued));
    }
    if person.unread > 0 {
        tail.push_str(&format!(" ({})", person.unread));
    }
    tail
}
