//! The screen, drawn from the model alone.

mod conversation;
mod panel;
mod people;
mod safety;
mod status;

#[cfg(test)]
mod tests;

use ratatui::{Frame, style::Color};

use super::model::Model;

pub(super) use panel::{HIT_LINES, SEARCH_HEAD, lines as panel_lines};

/// Draws everything; without `colour`, nothing but bold, dim and reversed.
pub(super) fn draw(frame: &mut Frame<'_>, model: &Model, colour: bool) {
    let areas = model.areas();
    people::draw(frame, areas.people, model);
    conversation::draw(frame, &areas, model);
    status::draw(frame, areas.status, model);
    if !colour {
        for cell in &mut frame.buffer_mut().content {
            (cell.fg, cell.bg) = (Color::Reset, Color::Reset);
        }
    }
}
