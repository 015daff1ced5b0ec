//! The last line: what came of the last key, what is wrong, who one is.

use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    style::{Style, Stylize as _},
    text::Line,
};
use unicode_width::UnicodeWidthStr as _;

use crate::{
    commands::chat::{
        model::{Link, Model},
        text,
    },
    output,
};

const KEYS: &str = "? help  Tab people";
/// With so many columns there is room for both sides.
const ROOMY: u16 = 60;

/// Draws it.
pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, model: &Model) {
    let (left, style) = sentence(model);
    let unread = model.people.unread_beside(model.open.as_ref());
    let right = if unread > 0 { format!("{unread} unread  {KEYS}") } else { KEYS.to_owned() };
    let wanted = u16::try_from(right.width()).unwrap_or(u16::MAX);
    // What came of the last key comes before how things are done; what stays as it is makes room.
    let shares = model.note.is_none() && area.width >= ROOMY;
    let room = area.width.saturating_sub(u16::try_from(left.width()).unwrap_or(u16::MAX)).saturating_sub(1);
    let right_width = if wanted <= room || shares { wanted } else { 0 };
    let [words, keys] =
        Layout::horizontal([Constraint::Fill(1), Constraint::Length(right_width)]).spacing(1).areas(area);
    frame.render_widget(Line::styled(text::fitting(&left, usize::from(words.width)), style), words);
    frame.render_widget(Line::from(right).dim(), keys);
}

/// The most urgent thing to say.
fn sentence(model: &Model) -> (String, Style) {
    let bad = Style::new().red().bold();
    if let Some(note) = &model.note {
        let style = if note.bad { bad } else { Style::new().green() };
        return (text::one_line(&note.sentence), style);
    }
    match &model.link {
        Link::Starting => return ("waiting for the peer to answer".into(), Style::new().yellow()),
        Link::Down(why) => {
            let waiting = match model.outbox.waiting() {
                0 => String::new(),
                count => format!(
                    "; {} kept until it does",
                    output::count(u32::try_from(count).unwrap_or(u32::MAX), "message is", "messages are")
                ),
            };
            return (
                format!("the peer does not answer, trying again{waiting} ({})", text::one_line(why)),
                bad,
            );
        }
        Link::Up => {}
    }
    if !model.me.trouble.is_empty() {
        return (format!("nothing can be stored: {}", text::one_line(&model.me.trouble)), bad);
    }
    if let Some(warning) = model.me.warnings.first() {
        let more = match model.me.warnings.len() {
            1 => String::new(),
            count => format!(" (and {} more: /who)", count - 1),
        };
        return (format!("{}{more}", text::one_line(warning)), Style::new().yellow());
    }
    let network = output::network(model.me.network.as_ref());
    (
        format!("you are {} in {}", text::one_line(&model.me.name), text::one_line(&network)),
        Style::new().dim(),
    )
}
