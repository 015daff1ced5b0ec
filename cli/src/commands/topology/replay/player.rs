//! Where the replay stands, and what keys do to it.

use std::time::Duration;

use proto::topology::v1::Event;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::instant::Instant;

/// The slowest and the fastest that it goes.
const SPEEDS: std::ops::RangeInclusive<f64> = 0.125..=4_096.0;
/// Events that a large step passes.
const LARGE_STEP: usize = 20;

/// Whether to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    Stay,
    Leave,
}

/// What is being typed at the bottom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Prompt {
    Search(String),
    Jump(String),
}

/// A history, a position in it, and how it moves.
#[derive(Debug)]
pub(super) struct Player {
    events: Vec<Event>,
    at: usize,
    speed: f64,
    playing: bool,
    prompt: Option<Prompt>,
    searched: String,
    note: String,
}

impl Player {
    /// There is at least one event.
    pub(super) fn new(events: Vec<Event>, speed: f64, playing: bool) -> Self {
        Self {
            events,
            at: 0,
            speed: speed.clamp(*SPEEDS.start(), *SPEEDS.end()),
            playing,
            prompt: None,
            searched: String::new(),
            note: String::new(),
        }
    }

    pub(super) fn events(&self) -> &[Event] {
        &self.events
    }

    pub(super) const fn at(&self) -> usize {
        self.at
    }

    /// The event at which it stands.
    pub(super) fn event(&self) -> &Event {
        &self.events[self.at]
    }

    pub(super) const fn speed(&self) -> f64 {
        self.speed
    }

    pub(super) const fn prompt(&self) -> Option<&Prompt> {
        self.prompt.as_ref()
    }

    /// What the last key led to, if that needs a word.
    pub(super) fn note(&self) -> &str {
        &self.note
    }

    /// Whether it moves by itself: not at the end, and not while something is typed.
    pub(super) fn is_playing(&self) -> bool {
        self.playing && self.prompt.is_none() && self.at + 1 < self.events.len()
    }

    /// How long until the next event at this speed.
    pub(super) fn until_next(&self) -> Duration {
        let millis = |at: usize| self.events.get(at).map_or(0, |event| event.time >> 16);
        let apart = millis(self.at + 1).saturating_sub(millis(self.at));
        Duration::from_millis(apart).div_f64(self.speed)
    }

    /// To the next event.
    pub(super) fn step(&mut self) {
        self.go(self.at + 1);
    }

    pub(super) fn on_key(&mut self, key: KeyEvent) -> Wish {
        self.note.clear();
        if key.modifiers.contains(KeyModifiers::CONTROL) && key.code == KeyCode::Char('c') {
            return Wish::Leave;
        }
        if self.prompt.is_some() {
            self.on_prompt_key(key.code);
            return Wish::Stay;
        }
        match key.code {
            KeyCode::Char('q') | KeyCode::Esc => return Wish::Leave,
            KeyCode::Char(' ') => self.playing = !self.playing,
            KeyCode::Right | KeyCode::Down | KeyCode::Char('l' | 'j') => self.pause_at(self.at + 1),
            KeyCode::Left | KeyCode::Up | KeyCode::Char('h' | 'k') => {
                self.pause_at(self.at.saturating_sub(1));
            }
            KeyCode::PageDown => self.pause_at(self.at + LARGE_STEP),
            KeyCode::PageUp => self.pause_at(self.at.saturating_sub(LARGE_STEP)),
            KeyCode::Home => self.pause_at(0),
            KeyCode::End => self.pause_at(self.events.len()),
            KeyCode::Char('+' | '=') => self.set_speed(self.speed * 2.0),
            KeyCode::Char('-') => self.set_speed(self.speed / 2.0),
            KeyCode::Char('/') => self.prompt = Some(Prompt::Search(String::new())),
            KeyCode::Char('g') => self.prompt = Some(Prompt::Jump(String::new())),
            KeyCode::Char('n') => self.search(true),
            KeyCode::Char('N') => self.search(false),
            _ => {}
        }
        Wish::Stay
    }

    fn on_prompt_key(&mut self, key: KeyCode) {
        let Some(Prompt::Search(text) | Prompt::Jump(text)) = &mut self.prompt else { return };
        match key {
            KeyCode::Char(c) => text.push(c),
            KeyCode::Backspace => drop(text.pop()),
            KeyCode::Esc => self.prompt = None,
            KeyCode::Enter => match self.prompt.take() {
                Some(Prompt::Search(text)) => {
                    self.searched = text;
                    self.search(true);
                }
                Some(Prompt::Jump(text)) => self.jump(&text),
                None => {}
            },
            _ => {}
        }
    }

    /// To the next event, or the one before, that holds what was searched for; round the end.
    fn search(&mut self, forward: bool) {
        let wanted = self.searched.to_lowercase();
        if wanted.is_empty() {
            "search first, with /".clone_into(&mut self.note);
            return;
        }
        let count = self.events.len();
        let fits = |index: &usize| {
            let event = &self.events[*index];
            event.text.to_lowercase().contains(&wanted) || event.kind_name.contains(&wanted)
        };
        let others = 1..=count;
        let found = if forward {
            others.map(|step| (self.at + step) % count).find(fits)
        } else {
            others.map(|step| (self.at + count - step) % count).find(fits)
        };
        match found {
            Some(index) => self.pause_at(index),
            None => self.note = format!("no event says {}", self.searched),
        }
    }

    /// To the last event up to a time.
    fn jump(&mut self, text: &str) {
        match text.parse::<Instant>() {
            Ok(instant) => {
                let until = self.events.partition_point(|event| event.time <= instant.end());
                self.pause_at(until.saturating_sub(1));
            }
            Err(why) => self.note = why,
        }
    }

    fn pause_at(&mut self, at: usize) {
        self.playing = false;
        self.go(at);
    }

    fn go(&mut self, at: usize) {
        self.at = at.min(self.events.len() - 1);
    }

    fn set_speed(&mut self, speed: f64) {
        self.speed = speed.clamp(*SPEEDS.start(), *SPEEDS.end());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn player() -> Player {
        let texts = ["attic started", "anna came", "the link went down", "anna left", "ben came"];
        let event = |(second, text): (usize, &&str)| Event {
            time: (1_000 * second as u64) << 16,
            text: (*text).to_owned(),
            ..Event::default()
        };
        Player::new(texts.iter().enumerate().map(event).collect(), 2.0, true)
    }

    fn press(player: &mut Player, keys: &str) {
        for key in keys.chars() {
            let code = match key {
                '\n' => KeyCode::Enter,
                '>' => KeyCode::Right,
                '<' => KeyCode::Left,
                other => KeyCode::Char(other),
            };
            assert_eq!(player.on_key(code.into()), Wish::Stay);
        }
    }

    #[test]
    fn it_plays_to_the_end_and_stays_there() {
        let mut player = player();
        assert_eq!(player.until_next(), Duration::from_millis(500));
        for _ in 0..4 {
            assert!(player.is_playing());
            player.step();
        }
        assert!(!player.is_playing());
        player.step();
        assert_eq!(player.at(), 4);
    }

    #[test]
    fn stepping_pauses_and_a_space_goes_on() {
        let mut player = player();
        press(&mut player, ">><");
        assert_eq!((player.at(), player.is_playing()), (1, false));
        press(&mut player, "<<<");
        assert_eq!(player.at(), 0);
        press(&mut player, " ");
        assert!(player.is_playing());
    }

    #[test]
    fn search_finds_the_next_and_the_one_before_round_the_end() {
        let mut player = player();
        press(&mut player, "/ANNA\n");
        assert_eq!((player.at(), player.is_playing()), (1, false));
        press(&mut player, "n");
        assert_eq!(player.at(), 3);
        press(&mut player, "n");
        assert_eq!(player.at(), 1);
        press(&mut player, "N");
        assert_eq!(player.at(), 3);
        press(&mut player, "/zoe\n");
        assert_eq!((player.at(), player.note()), (3, "no event says zoe"));
    }

    #[test]
    fn a_jump_goes_to_the_last_event_up_to_a_time() {
        let mut player = player();
        press(&mut player, "g1970-01-01T00:00:02.500Z\n");
        assert_eq!(player.at(), 2);
        press(&mut player, "gnonsense\n");
        assert_eq!(player.at(), 2);
        assert!(player.note().contains("not a time"), "{}", player.note());
    }

    #[test]
    fn speed_doubles_and_halves_within_bounds() {
        let mut player = player();
        press(&mut player, "+");
        assert_eq!(player.until_next(), Duration::from_millis(250));
        press(&mut player, "--------------------");
        assert_eq!(player.until_next(), Duration::from_secs(8));
    }

    #[test]
    fn what_is_typed_at_the_prompt_is_no_command() {
        let mut player = player();
        press(&mut player, "/q");
        assert_eq!(player.prompt(), Some(&Prompt::Search("q".into())));
        assert!(!player.is_playing());
        assert_eq!(player.on_key(KeyCode::Esc.into()), Wish::Stay);
        assert_eq!(player.on_key(KeyCode::Char('q').into()), Wish::Leave);
    }
}
