//! Keys and the mouse.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::{Link, Model};
use crate::commands::chat::{
    areas,
    conversation::Scroll,
    effect::Effect,
    panel::{Kind, Panel},
};

/// Lines that a turn of the wheel moves.
const WHEEL: isize = 3;

impl Model {
    pub(super) fn on_key(&mut self, key: KeyEvent) {
        self.note = None;
        self.people_from = self.people_from.filter(|_| !self.choosing);
        if self.on_key_everywhere(key) {
            return;
        }
        if self.choosing {
            self.on_choosing_key(key);
        } else if !self.on_panel_key(key) && !self.on_view_key(key) {
            self.on_input_key(key);
        }
    }

    /// Keys that mean the same wherever one is.
    fn on_key_everywhere(&mut self, key: KeyEvent) -> bool {
        let (control, alt) = (key.modifiers == KeyModifiers::CONTROL, key.modifiers == KeyModifiers::ALT);
        match key.code {
            KeyCode::Char('c') if control && !self.composer.is_empty() && !self.choosing => {
                // Up brings it back.
                self.composer.take();
            }
            KeyCode::Char('c') if control && self.panel.is_some() => self.panel = None,
            KeyCode::Char('c') if control => self.leave(),
            KeyCode::Char('d') if control && self.composer.is_empty() => self.leave(),
            KeyCode::Char('l') if control => self.push(Effect::Redraw),
            KeyCode::Up if alt => self.step(-1),
            KeyCode::Down if alt => self.step(1),
            KeyCode::Char('p') if control => self.step(-1),
            KeyCode::Char('n') if control => self.step(1),
            KeyCode::Char('a') if alt => match self.people.next_unread(self.open.as_ref()) {
                Some(id) => self.open(id),
                None => self.note("everything is read"),
            },
            KeyCode::Tab => self.choose(!self.choosing),
            _ => return false,
        }
        true
    }

    fn on_choosing_key(&mut self, key: KeyEvent) {
        let rows = isize::try_from(self.areas().people.height).unwrap_or(1).max(2) - 1;
        let step = match key.code {
            KeyCode::Esc => return self.choose(false),
            KeyCode::Enter => {
                if let Some(id) = self.people.marked().cloned() {
                    self.open(id);
                }
                return self.choose(false);
            }
            KeyCode::Backspace => {
                let mut filter = self.people.filter().to_owned();
                filter.pop();
                return self.people.set_filter(filter);
            }
            KeyCode::Char(c) if key.modifiers.difference(KeyModifiers::SHIFT).is_empty() => {
                let filter = format!("{}{c}", self.people.filter());
                return self.people.set_filter(filter);
            }
            KeyCode::Char('u' | 'w') if key.modifiers == KeyModifiers::CONTROL => {
                return self.people.set_filter(String::new());
            }
            KeyCode::Up => -1,
            KeyCode::Down => 1,
            KeyCode::PageUp => -rows,
            KeyCode::PageDown => rows,
            _ => return,
        };
        let marked = self.people.beside(self.people.marked(), step);
        self.people.mark(marked);
    }

    /// Begins or ends looking for somebody.
    pub(super) fn choose(&mut self, choosing: bool) {
        self.choosing = choosing;
        self.people_from = None;
        self.people.set_filter(String::new());
        let marked = self.open.clone().filter(|_| choosing).or_else(|| self.people.beside(None, 0));
        self.people.mark(marked.filter(|_| choosing));
    }

    fn step(&mut self, step: isize) {
        if let Some(id) = self.people.beside(self.open.as_ref(), step) {
            self.open(id);
        }
    }

    /// Keys that move the view of the conversation.
    fn on_view_key(&mut self, key: KeyEvent) -> bool {
        let page = isize::from(i16::try_from(self.areas().body.height).unwrap_or(i16::MAX)).max(2) - 1;
        let shift = key.modifiers == KeyModifiers::SHIFT;
        match key.code {
            KeyCode::PageUp => self.scroll_by(page),
            KeyCode::PageDown => self.scroll_by(-page),
            KeyCode::Up if shift => self.scroll_by(1),
            KeyCode::Down if shift => self.scroll_by(-1),
            KeyCode::Home if self.composer.is_empty() => self.scroll_by(isize::MAX),
            KeyCode::End if self.composer.is_empty() => self.go_to_end(),
            KeyCode::Esc
                if self.open_talk().is_some_and(|talk| talk.scroll != Scroll::Bottom || talk.newer) =>
            {
                self.go_to_end();
            }
            _ => return false,
        }
        true
    }

    fn on_input_key(&mut self, key: KeyEvent) {
        let bare = key.modifiers.is_empty();
        match key.code {
            KeyCode::Enter if bare => self.submit(),
            KeyCode::Enter => self.break_line(),
            KeyCode::Char('j') if key.modifiers == KeyModifiers::CONTROL => self.break_line(),
            KeyCode::Char('?') if self.composer.is_empty() => {
                self.panel = match self.panel.take() {
                    Some(Panel { kind: Kind::Help, .. }) => None,
                    _ => Some(Panel::new(Kind::Help)),
                };
            }
            KeyCode::Esc => {}
            _ => {
                if self.composer.on_key(key) {
                    self.typing.touch();
                }
            }
        }
    }

    fn break_line(&mut self) {
        self.composer.break_line();
        self.typing.touch();
    }

    pub(super) fn on_paste(&mut self, text: &str) {
        self.note = None;
        if self.choosing {
            let filter = format!("{}{}", self.people.filter(), super::text::one_line(text));
            self.people.set_filter(filter);
        } else if !self.panel.as_ref().is_some_and(Panel::asks) {
            self.composer.paste(text);
            self.typing.touch();
        }
    }

    pub(super) fn on_click(&mut self, at: (u16, u16)) {
        let areas = self.areas();
        if areas::holds(areas.people, at) {
            let row = usize::from(at.1 - areas.people.y);
            let first = self.first_person_shown(areas.people.height);
            if let Some(id) = self.people.shown().get(first + row).cloned() {
                self.open(id);
                self.choose(false);
            }
        } else if areas::holds(areas.body, at) {
            self.on_panel_click(usize::from(at.1 - areas.body.y));
        }
    }

    pub(super) fn on_wheel(&mut self, up: bool, at: (u16, u16)) {
        let areas = self.areas();
        if areas::holds(areas.people, at) {
            let first = self.first_person_shown(areas.people.height);
            self.people_from = Some(first.saturating_add_signed(if up { -WHEEL } else { WHEEL }));
        } else if self.panel.is_some() {
            self.scroll_panel(if up { -WHEEL } else { WHEEL });
        } else {
            self.scroll_by(if up { WHEEL } else { -WHEEL });
        }
    }

    /// The first line of the people: whoever is marked or open is in view, until the wheel turns.
    pub(in crate::commands::chat) fn first_person_shown(&self, rows: u16) -> usize {
        let rows = usize::from(rows);
        let last = self.people.shown().len().saturating_sub(rows);
        if let Some(first) = self.people_from {
            return first.min(last);
        }
        let chosen = self.people.marked().or(self.open.as_ref());
        let at = chosen.and_then(|id| self.people.shown().iter().position(|other| other == id)).unwrap_or(0);
        // Only as far as needed: the first ones are those one talks to.
        (at + 2).saturating_sub(rows).min(last)
    }

    pub(super) fn leave(&mut self) {
        let waiting = self.outbox.waiting();
        if self.leaving || waiting == 0 {
            return self.push(Effect::Leave);
        }
        self.leaving = true;
        if self.link == Link::Up {
            // Gone as soon as the peer has it.
            self.note("storing what was sent");
        } else {
            self.complain(format!(
                "{waiting} of your messages could not be stored yet and would be lost; leave again if that is all right"
            ));
        }
    }
}
