//! What the screen knows and does: events in, effects out. No terminal, no peer, no clock of its own.

mod keys;
mod news;
mod panels;
mod reading;
mod typed;
mod typing;

#[cfg(test)]
mod tests;

use std::collections::HashMap;

use bytes::Bytes;
use proto::control::v1::{Person, Profile};

use super::{
    areas::{self, Areas, Needs},
    composer::Composer,
    conversation::Conversation,
    effect::{Effect, Once},
    event::Event,
    outbox::Outbox,
    panel::Panel,
    people::People,
    text,
};
use typing::Typing;

/// Whether the peer answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Link {
    /// Not yet.
    Starting,
    Up,
    /// Not any more, and why.
    Down(String),
}

/// A sentence about what was done last, until the next key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Note {
    pub(super) sentence: String,
    /// It did not work.
    pub(super) bad: bool,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Model {
    /// Who one is.
    pub(super) me: Profile,
    pub(super) link: Link,
    pub(super) people: People,
    /// Whose conversation is shown.
    pub(super) open: Option<Bytes>,
    pub(super) talks: HashMap<Bytes, Conversation>,
    pub(super) composer: Composer,
    pub(super) outbox: Outbox,
    pub(super) panel: Option<Panel>,
    pub(super) note: Option<Note>,
    /// One looks for somebody among the people.
    pub(super) choosing: bool,
    pub(super) size: (u16, u16),
    pub(super) now_ms: u64,
    /// The terminal has the focus. Terminals that do not tell always have it.
    looked_at: bool,
    /// What was marked as read, by person and epoch.
    marked: HashMap<(Bytes, Bytes), u64>,
    typing: Typing,
    /// Whom the command line names, until somebody is found.
    wanted: Option<String>,
    searches: u64,
    /// One wanted to leave although something is not stored.
    leaving: bool,
    /// The first of the people in view, where the wheel said so.
    people_from: Option<usize>,
    effects: Vec<Effect>,
}

impl Model {
    /// Nothing is known yet. `wanted` is whom to open first; `seed` is random.
    pub(super) fn new(wanted: Option<String>, seed: Once, size: (u16, u16)) -> Self {
        Self {
            me: Profile::default(),
            link: Link::Starting,
            people: People::default(),
            open: None,
            talks: HashMap::new(),
            composer: Composer::new(),
            outbox: Outbox::new(seed),
            panel: None,
            note: None,
            choosing: false,
            size,
            now_ms: 0,
            looked_at: true,
            marked: HashMap::new(),
            typing: Typing::default(),
            wanted,
            searches: 0,
            leaving: false,
            people_from: None,
            effects: Vec::new(),
        }
    }

    /// Takes in what happened at a time, milliseconds since 1970, and says what is to be done.
    pub(super) fn handle(&mut self, event: Event, now_ms: u64) -> Vec<Effect> {
        self.now_ms = now_ms;
        match event {
            Event::Key(key) => self.on_key(key),
            Event::Paste(text) => self.on_paste(&text),
            Event::Click(column, row) => self.on_click((column, row)),
            Event::Wheel { up, at } => self.on_wheel(up, at),
            Event::Focus(looked_at) => self.looked_at = looked_at,
            Event::Size(columns, rows) => self.size = (columns, rows),
            Event::Time => {}
            Event::Up => self.on_up(),
            Event::Down(why) => self.on_down(why),
            Event::News(news) => self.on_news(news),
            Event::Answer(answer) => self.on_answer(answer),
        }
        self.tell_typing();
        self.load_around_view();
        self.mark_seen();
        std::mem::take(&mut self.effects)
    }

    /// When [`Event::Time`] is due, milliseconds since 1970.
    pub(super) const fn deadline(&self) -> Option<u64> {
        self.typing.deadline()
    }

    /// Whose conversation is shown.
    pub(super) fn partner(&self) -> Option<&Person> {
        self.people.person(self.open.as_ref()?)
    }

    /// Where everything is on the screen.
    pub(super) fn areas(&self) -> Areas {
        let width = usize::from(areas::conversation_width(self.size, self.choosing)).max(1);
        let banner = self.banner().map_or(0, |banner| text::wrap(&banner, width, 0).len());
        // The last column is for the cursor behind a full line.
        let room = width.saturating_sub(1).max(1);
        let typed = self.composer.area().lines().iter();
        let input: usize = typed.map(|line| text::wrap(&text::harmless(line), room, 0).len()).sum();
        areas::divide(Needs {
            size: self.size,
            choosing: self.choosing,
            banner_lines: u16::try_from(banner).unwrap_or(u16::MAX),
            input_lines: u16::try_from(input).unwrap_or(u16::MAX),
        })
    }

    /// What must be known before one believes what is said in the open conversation.
    pub(super) fn banner(&self) -> Option<String> {
        let person = self.partner()?;
        let name = super::people::name(person);
        if person.blocked {
            return Some(format!(
                "{name} is blocked: nothing is taken from there and nothing sent. /unblock ends that."
            ));
        }
        if person.namesakes.is_empty() || person.verified {
            return None;
        }
        let ids: Vec<_> = person.namesakes.iter().map(crate::output::short).collect();
        Some(format!(
            "Somebody else is called {name}, too ({}). This one is {}. Only /verify tells which of them you are talking to.",
            ids.join(", "),
            crate::output::short(&person.node_id)
        ))
    }

    fn note(&mut self, sentence: impl Into<String>) {
        self.note = Some(Note { sentence: sentence.into(), bad: false });
    }

    fn complain(&mut self, sentence: impl Into<String>) {
        self.note = Some(Note { sentence: sentence.into(), bad: true });
    }

    fn push(&mut self, effect: Effect) {
        self.effects.push(effect);
    }
}
