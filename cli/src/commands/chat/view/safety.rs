//! A safety number, as digits to be read out and as a code to be looked at.

use qrcode::{QrCode, render::unicode::Dense1x2};
use ratatui::{
    style::{Color, Style, Stylize as _},
    text::{Line, Span},
};

use super::panel::wrapped;
use crate::commands::chat::{model::Model, panel::Verify, people, text};

/// Digits of a line: three lines are easily read out.
const GROUPS_PER_LINE: usize = 4;
/// With fewer columns beside the code, the digits come above it.
const LEAST_BESIDE: usize = 30;

/// The panel's lines.
pub(super) fn lines(model: &Model, verify: &Verify, width: usize) -> Vec<Line<'static>> {
    let Some(number) = &verify.number else { return wrapped("one moment", width) };
    let name = model.people.person(&verify.peer).map_or_else(|| text::one_line(&number.name), people::name);
    let code = QrCode::new(&number.code).map(|code| code.render::<Dense1x2>().build()).unwrap_or_default();
    // Dark on light whatever the terminal's own colours are: not everything that reads codes reads them reversed.
    let style = Style::new().fg(Color::Black).bg(Color::White);
    let code: Vec<_> = code.lines().map(|line| Span::styled(line.to_owned(), style)).collect();
    let left = width.saturating_sub(code.first().map_or(0, Span::width) + 2);
    let narrow = left < LEAST_BESIDE;
    let mut lines = vec![Line::from(format!("The safety number of you and {name}")).bold()];
    let said = sentences(&number.digits, &name, if narrow { width } else { left });
    if narrow {
        lines.extend(said);
        lines.extend(code.into_iter().map(Line::from));
        return lines;
    }
    for at in 0..said.len().max(code.len()) {
        let mut line = said.get(at).cloned().unwrap_or_default();
        let pad = (left + 2).saturating_sub(line.width());
        line.push_span(Span::raw(" ".repeat(pad)));
        line.spans.extend(code.get(at).cloned());
        lines.push(line);
    }
    lines
}

fn sentences(digits: &str, name: &str, width: usize) -> Vec<Line<'static>> {
    let groups: Vec<_> = digits.split(' ').collect();
    let digits = groups.chunks(GROUPS_PER_LINE).map(|line| format!("  {}", line.join("  ")));
    let mut lines: Vec<_> = digits.map(|line| Line::from(line).bold()).collect();
    lines.push(Line::default());
    let sentence = format!(
        "Ask {name} for the number there: by voice, or side by side. The same digits mean that nobody is in between; \
         others mean that this name leads to somebody else's key."
    );
    lines.extend(wrapped(&sentence, width));
    lines.push(Line::default());
    let keys = wrapped("y: they are the same, mark as verified.  Esc: not now.", width);
    lines.extend(keys.into_iter().map(|line| line.bold()));
    lines
}
