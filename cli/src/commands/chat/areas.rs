//! Where everything is on the screen.

use ratatui::layout::{Constraint, Layout, Position, Rect};

/// Below this width one sees either the people or a conversation.
const NARROW: u16 = 72;
/// Columns of the people, their border included.
const PEOPLE: std::ops::RangeInclusive<u16> = 22..=34;
/// The most lines that the input takes of the conversation.
const MOST_INPUT: u16 = 8;

/// The places; those without room have no height or width.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Areas {
    pub(super) people: Rect,
    pub(super) header: Rect,
    pub(super) banner: Rect,
    pub(super) body: Rect,
    /// The line above the input.
    pub(super) rule: Rect,
    pub(super) input: Rect,
    pub(super) status: Rect,
}

/// What the places depend on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Needs {
    pub(super) size: (u16, u16),
    /// One looks for somebody.
    pub(super) choosing: bool,
    pub(super) banner_lines: u16,
    pub(super) input_lines: u16,
}

/// How wide a conversation is.
pub(super) fn conversation_width(size: (u16, u16), choosing: bool) -> u16 {
    size.0.saturating_sub(people_width(size.0, choosing))
}

fn people_width(width: u16, choosing: bool) -> u16 {
    match (width < NARROW, choosing) {
        (true, true) => width,
        (true, false) => 0,
        (false, _) => (width / 4).clamp(*PEOPLE.start(), *PEOPLE.end()),
    }
}

/// Divides the screen.
pub(super) fn divide(needs: Needs) -> Areas {
    let whole = Rect::new(0, 0, needs.size.0, needs.size.1);
    let [upper, status] = Layout::vertical([Constraint::Fill(1), Constraint::Length(1)]).areas(whole);
    let people = people_width(whole.width, needs.choosing);
    let [people, talk] = Layout::horizontal([Constraint::Length(people), Constraint::Fill(1)]).areas(upper);
    let most = MOST_INPUT.min(talk.height.saturating_sub(6)).max(1);
    let [header, banner, body, rule, input] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(needs.banner_lines.min(talk.height / 3)),
        Constraint::Fill(1),
        Constraint::Length(1),
        Constraint::Length(needs.input_lines.clamp(1, most)),
    ])
    .areas(talk);
    Areas { people, header, banner, body, rule, input, status }
}

/// Whether a column and a row are within an area.
pub(super) fn holds(area: Rect, (column, row): (u16, u16)) -> bool {
    area.contains(Position::new(column, row))
}
