//! The conversation on the right: who it is, what was said, what is being typed.

use ratatui::{
    Frame,
    layout::{Position, Rect},
    style::{Style, Stylize as _},
    text::{Line, Span, Text},
    widgets::{Paragraph, Widget as _},
};
use unicode_width::UnicodeWidthStr as _;

use super::panel;
use crate::commands::chat::{
    areas::Areas,
    conversation::Scroll,
    model::{Link, Model},
    people, text, transcript, way,
};

/// Draws all of it.
pub(super) fn draw(frame: &mut Frame<'_>, areas: &Areas, model: &Model) {
    if areas.body.width == 0 {
        return;
    }
    frame.render_widget(header(model, usize::from(areas.header.width)), areas.header);
    if let Some(banner) = model.banner() {
        let lines = text::wrap(&banner, usize::from(areas.banner.width), 0);
        let lines = lines.into_iter().map(Line::from).collect::<Vec<_>>();
        frame.render_widget(
            Paragraph::new(lines).style(Style::new().yellow().bold().reversed()),
            areas.banner,
        );
    }
    if let Some(shown) = &model.panel {
        let mut lines = panel::lines(model);
        lines.drain(..shown.scroll.min(lines.len()));
        frame.render_widget(Text::from(lines), areas.body);
    } else {
        draw_messages(frame, areas.body, model);
    }
    frame.render_widget(rule(model, usize::from(areas.rule.width)), areas.rule);
    draw_input(frame, areas.input, model);
}

fn header(model: &Model, width: usize) -> Line<'static> {
    let Some(person) = model.partner() else {
        return Line::from("causeway").bold();
    };
    let name = text::fitting(&people::full_name(person), width / 2);
    let verified = if person.verified { " \u{2713} verified" } else { "" };
    let way = format!("  {}", way::short(person, model.now_ms));
    let room = width.saturating_sub(name.width() + verified.width());
    Line::from(vec![
        Span::raw(name).bold(),
        Span::raw(verified).green(),
        Span::raw(text::fitting(&way, room)).dim(),
    ])
}

/// From the last line in view upwards: there may be many messages above.
fn draw_messages(frame: &mut Frame<'_>, area: Rect, model: &Model) {
    let entries = model.entries();
    let height = usize::from(area.height);
    let Some(talk) = model.open_talk().filter(|_| !entries.is_empty()) else {
        frame.render_widget(Text::from(empty(model, usize::from(area.width))), area);
        return;
    };
    let (end, hidden) = match talk.scroll {
        Scroll::Bottom => (entries.len(), 0),
        Scroll::At { position, hidden } => {
            (entries.partition_point(|entry| entry.position() <= position), hidden)
        }
    };
    let mut lines = Vec::new();
    model.with_setting(|setting| {
        for at in (0..end).rev() {
            let before = at.checked_sub(1).map(|before| entries[before]);
            lines.extend(transcript::lines(entries[at], before, setting).into_iter().rev());
            if lines.len() >= height + hidden {
                break;
            }
        }
    });
    let seen: Vec<_> = lines.into_iter().skip(hidden).take(height).collect();
    // A short conversation begins at the top of the screen's lower end.
    let top = area.y + area.height - u16::try_from(seen.len()).unwrap_or(area.height);
    for (line, y) in seen.into_iter().rev().zip(top..) {
        line.render(Rect { y, height: 1, ..area }, frame.buffer_mut());
    }
}

/// What to say where nothing was said.
fn empty(model: &Model, width: usize) -> Vec<Line<'static>> {
    let sentence = match (model.partner(), &model.link) {
        (Some(_), Link::Up) if model.open_talk().is_some_and(|talk| talk.loaded) => {
            "Nothing was said yet. Write something and press Enter."
        }
        (Some(_), _) => "",
        (None, Link::Up) if model.people.everybody().next().is_none() => {
            "Nobody is there yet. Whoever starts a peer in this network, or in one that a bridge links, appears on the left."
        }
        (None, _) => "Choose somebody with Tab. The help is at ?.",
    };
    text::wrap(sentence, width, 0).into_iter().map(|line| Line::from(line).dim()).collect()
}

/// The line above the input: what the other one does, and what is hidden below.
fn rule(model: &Model, width: usize) -> Line<'static> {
    let mut words = Vec::new();
    if let Some(person) = model.partner().filter(|person| person.typing) {
        words.push(format!("{} is writing", people::name(person)));
    }
    if let Some(shown) = &model.panel {
        if panel::lines(model).len() > shown.scroll + usize::from(model.areas().body.height) {
            words.push("more: PgDn".to_owned());
        }
    } else if let Some(talk) = model.open_talk()
        && (talk.scroll != Scroll::Bottom || talk.newer)
    {
        words.push("more below: Esc".to_owned());
    }
    let words = text::fitting(&words.join(", "), width.saturating_sub(4));
    let lead = if words.is_empty() { String::new() } else { format!("\u{2500} {words} ") };
    let rest = width.saturating_sub(lead.width());
    Line::from(vec![Span::raw(lead), Span::raw("\u{2500}".repeat(rest)).dim()])
}

fn draw_input(frame: &mut Frame<'_>, area: Rect, model: &Model) {
    let editor = model.composer.area();
    if model.composer.is_empty() {
        let hint = match model.partner() {
            _ if model.panel.as_ref().is_some_and(super::super::panel::Panel::asks) => String::new(),
            Some(person) => format!("write to {}, or /help", people::name(person)),
            None => "/help".to_owned(),
        };
        frame.render_widget(Line::from(text::fitting(&hint, usize::from(area.width))).dim(), area);
    } else {
        frame.render_widget(editor, area);
    }
    if model.choosing || area.is_empty() {
        return;
    }
    // The terminal's own cursor, where it belongs: input methods and screen readers follow it.
    let (cursor, top) = (editor.screen_cursor(), usize::from(editor.scroll_offset().0));
    let (column, row) =
        if model.composer.is_empty() { (0, 0) } else { (cursor.col, cursor.row.saturating_sub(top)) };
    let place = |at: usize, most: u16| u16::try_from(at).unwrap_or(u16::MAX).min(most.saturating_sub(1));
    frame.set_cursor_position(Position::new(
        area.x + place(column, area.width),
        area.y + place(row, area.height),
    ));
}
