//! The input: one editor per conversation, so that drafts stay, and what was typed before.

use std::collections::HashMap;

use bytes::Bytes;
use ratatui::{
    crossterm::event::{KeyCode, KeyEvent, KeyModifiers},
    style::Style,
};
use ratatui_textarea::{CursorMove, TextArea, WrapMode};
use unicode_segmentation::UnicodeSegmentation as _;

use super::text;

/// Typed lines that are kept.
const HISTORY: usize = 500;

/// See the module.
#[derive(Debug)]
pub(super) struct Composer {
    area: TextArea<'static>,
    drafts: HashMap<Bytes, TextArea<'static>>,
    history: Vec<String>,
    /// Which line of the history is shown.
    at: Option<usize>,
}

impl Composer {
    /// Empty.
    pub(super) fn new() -> Self {
        Self { area: editor(""), drafts: HashMap::new(), history: Vec::new(), at: None }
    }

    /// The editor, to be drawn.
    pub(super) const fn area(&self) -> &TextArea<'static> {
        &self.area
    }

    /// What is typed so far.
    pub(super) fn text(&self) -> String {
        self.area.lines().join("\n")
    }

    /// Whether nothing is typed.
    pub(super) fn is_empty(&self) -> bool {
        self.area.is_empty()
    }

    /// Whether somebody has a draft.
    pub(super) fn has_draft(&self, id: &Bytes) -> bool {
        self.drafts.contains_key(id)
    }

    /// From one conversation to another: the draft stays with the first.
    pub(super) fn switch(&mut self, from: Option<&Bytes>, to: &Bytes) {
        self.at = None;
        let draft = self.drafts.remove(to).unwrap_or_else(|| editor(""));
        let left = std::mem::replace(&mut self.area, draft);
        if let Some(from) = from.filter(|_| !left.is_empty()) {
            self.drafts.insert(from.clone(), left);
        }
    }

    /// Takes what was typed, for sending.
    pub(super) fn take(&mut self) -> String {
        let text = self.text();
        self.set("");
        self.at = None;
        if !text.trim().is_empty() && self.history.last() != Some(&text) {
            self.history.push(text.clone());
            let surplus = self.history.len().saturating_sub(HISTORY);
            self.history.drain(..surplus);
        }
        text
    }

    /// Replaces what is typed.
    pub(super) fn set(&mut self, text: &str) {
        self.area = editor(text);
    }

    /// Puts a text where the cursor is, without what could do harm on this screen or another one.
    pub(super) fn paste(&mut self, pasted: &str) {
        self.at = None;
        self.area.insert_str(text::harmless(&pasted.replace("\r\n", "\n").replace('\r', "\n")));
    }

    /// A line break.
    pub(super) fn break_line(&mut self) {
        self.area.insert_newline();
    }

    /// A key that edits or moves. True when the text has changed.
    pub(super) fn on_key(&mut self, key: KeyEvent) -> bool {
        let plain = key.modifiers.difference(KeyModifiers::SHIFT).is_empty();
        let (control, alt) = (key.modifiers == KeyModifiers::CONTROL, key.modifiers == KeyModifiers::ALT);
        match key.code {
            KeyCode::Up if plain && self.shows_history() && self.recall(-1) => return true,
            KeyCode::Down if plain && self.at.is_some() && self.shows_history() && self.recall(1) => {
                return true;
            }
            KeyCode::Backspace if plain => return self.delete(false),
            KeyCode::Delete if plain => return self.delete(true),
            KeyCode::Char('h') if control => return self.delete(false),
            KeyCode::Char('d') if control => return self.delete(true),
            KeyCode::Left if key.modifiers.is_empty() => self.step(false),
            KeyCode::Right if key.modifiers.is_empty() => self.step(true),
            KeyCode::Char('b') if control => self.step(false),
            KeyCode::Char('f') if control => self.step(true),
            KeyCode::Left if alt => self.area.move_cursor(CursorMove::WordBack),
            KeyCode::Right if alt => self.area.move_cursor(CursorMove::WordForward),
            // As in a shell; the editor's own keys for these are of another school.
            KeyCode::Char('u') if control => return self.area.delete_line_by_head(),
            KeyCode::Char('z' | '_' | '7') if control => return self.area.undo(),
            _ => {
                let changed = self.area.input(key);
                self.stay_whole();
                if changed {
                    self.at = None;
                }
                return changed;
            }
        }
        false
    }

    /// Whether Up and Down are about what was typed before: nothing is typed, or just such a line.
    fn shows_history(&self) -> bool {
        match self.at {
            None => self.area.is_empty(),
            Some(at) => self.history.get(at).is_some_and(|line| *line == self.text()),
        }
    }

    fn recall(&mut self, step: isize) -> bool {
        let end = self.history.len();
        let Some(at) = self.at.unwrap_or(end).checked_add_signed(step).filter(|at| *at <= end) else {
            return false;
        };
        let line = self.history.get(at).cloned().unwrap_or_default();
        self.at = (at < self.history.len()).then_some(at);
        self.set(&line);
        true
    }

    /// To the side, over all of what is one character to a reader: the editor's own step is a code point, and between
    /// those that share a column it stands still.
    fn step(&mut self, forward: bool) {
        let (row, column) = (self.area.cursor().0, self.area.cursor().1);
        let chars = |row: usize| self.area.lines().get(row).map_or(0, |line| line.chars().count());
        let to = match (forward, self.cluster(forward)) {
            (true, 0) if row + 1 < self.area.lines().len() => (row + 1, 0),
            (false, 0) if row > 0 => (row - 1, chars(row - 1)),
            (true, count) => (row, column + count),
            (false, count) => (row, column - count),
        };
        self.jump(to);
    }

    /// Deletes what is one character to a reader, or a line break.
    fn delete(&mut self, forward: bool) -> bool {
        self.at = None;
        let mut changed = false;
        for _ in 0..self.cluster(forward).max(1) {
            changed |= if forward { self.area.delete_next_char() } else { self.area.delete_char() };
        }
        changed
    }

    /// Never within what is one character to a reader.
    fn stay_whole(&mut self) {
        let (row, column) = (self.area.cursor().0, self.area.cursor().1);
        let bounds = self.bounds();
        if !bounds.contains(&column) {
            let before = bounds.into_iter().rfind(|bound| *bound < column);
            self.jump((row, before.unwrap_or(0)));
        }
    }

    fn jump(&mut self, (row, column): (usize, usize)) {
        let place = |at: usize| u16::try_from(at).unwrap_or(u16::MAX);
        self.area.move_cursor(CursorMove::Jump(place(row), place(column)));
    }

    /// How many code points the character before or after the cursor has; 0 at the end of a line.
    fn cluster(&self, forward: bool) -> usize {
        let column = self.area.cursor().1;
        let bounds = self.bounds();
        if forward {
            bounds.into_iter().find(|bound| *bound > column).map_or(0, |bound| bound - column)
        } else {
            bounds.into_iter().rfind(|bound| *bound < column).map_or(0, |bound| column - bound)
        }
    }

    /// Where the characters of the cursor's line begin, and its end.
    fn bounds(&self) -> Vec<usize> {
        let line = self.area.lines().get(self.area.cursor().0).map_or("", String::as_str);
        let counts = line.graphemes(true).map(|cluster| cluster.chars().count());
        let mut bounds = vec![0];
        bounds.extend(counts.scan(0, |at, count| {
            *at += count;
            Some(*at)
        }));
        bounds
    }
}

fn editor(text: &str) -> TextArea<'static> {
    let mut area = TextArea::from(text.split('\n'));
    area.set_cursor_line_style(Style::new());
    area.set_wrap_mode(WrapMode::WordOrGlyph);
    area.set_tab_length(4);
    area.move_cursor(CursorMove::Bottom);
    area.move_cursor(CursorMove::End);
    area
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(composer: &mut Composer, code: KeyCode, modifiers: KeyModifiers) {
        composer.on_key(KeyEvent::new(code, modifiers));
    }

    fn typed(text: &str) -> Composer {
        let mut composer = Composer::new();
        composer.paste(text);
        composer
    }

    #[test]
    fn the_keys_of_a_shell_edit() {
        for (key, modifiers, left) in [
            (KeyCode::Char('w'), KeyModifiers::CONTROL, "one two "),
            (KeyCode::Char('u'), KeyModifiers::CONTROL, ""),
            (KeyCode::Backspace, KeyModifiers::ALT, "one two "),
            (KeyCode::Backspace, KeyModifiers::NONE, "one two thre"),
        ] {
            let mut composer = typed("one two three");
            press(&mut composer, key, modifiers);
            assert_eq!(composer.text(), left, "{key:?}");
        }
        let mut composer = typed("one two");
        press(&mut composer, KeyCode::Char('b'), KeyModifiers::ALT);
        press(&mut composer, KeyCode::Char('k'), KeyModifiers::CONTROL);
        assert_eq!(composer.text(), "one ");
        press(&mut composer, KeyCode::Char('a'), KeyModifiers::CONTROL);
        press(&mut composer, KeyCode::Char('x'), KeyModifiers::NONE);
        press(&mut composer, KeyCode::Char('e'), KeyModifiers::CONTROL);
        press(&mut composer, KeyCode::Char('y'), KeyModifiers::NONE);
        assert_eq!(composer.text(), "xone y");
    }

    #[test]
    fn what_is_one_character_to_a_reader_goes_as_one() {
        let mut composer = typed("ae\u{301}\u{327}");
        press(&mut composer, KeyCode::Left, KeyModifiers::NONE);
        press(&mut composer, KeyCode::Char('-'), KeyModifiers::NONE);
        assert_eq!(composer.text(), "a-e\u{301}\u{327}");
        press(&mut composer, KeyCode::Right, KeyModifiers::NONE);
        press(&mut composer, KeyCode::Backspace, KeyModifiers::NONE);
        assert_eq!(composer.text(), "a-");
    }

    #[test]
    fn up_and_down_go_through_what_was_typed_unless_something_else_is() {
        let mut composer = Composer::new();
        for line in ["first", "second\nline"] {
            composer.set(line);
            composer.take();
        }
        press(&mut composer, KeyCode::Up, KeyModifiers::NONE);
        assert_eq!(composer.text(), "second\nline");
        press(&mut composer, KeyCode::Up, KeyModifiers::NONE);
        press(&mut composer, KeyCode::Up, KeyModifiers::NONE);
        assert_eq!(composer.text(), "first");
        press(&mut composer, KeyCode::Down, KeyModifiers::NONE);
        press(&mut composer, KeyCode::Down, KeyModifiers::NONE);
        assert_eq!(composer.text(), "");
        composer.paste("draft");
        press(&mut composer, KeyCode::Up, KeyModifiers::NONE);
        assert_eq!(composer.text(), "draft");
    }

    #[test]
    fn drafts_stay_with_their_conversations() {
        let (anna, ben) = (Bytes::from_static(b"anna"), Bytes::from_static(b"ben"));
        let mut composer = typed("for anna");
        composer.switch(Some(&anna), &ben);
        assert!(composer.is_empty() && composer.has_draft(&anna));
        composer.switch(Some(&ben), &anna);
        assert_eq!(composer.text(), "for anna");
        assert!(!composer.has_draft(&ben));
    }

    #[test]
    fn what_is_pasted_keeps_its_lines_and_loses_its_harm() {
        let composer = typed("a\r\nb\rc\u{1b}[31m\u{202e}");
        assert_eq!(composer.text(), "a\nb\nc\u{241b}[31m\u{2426}");
    }
}
