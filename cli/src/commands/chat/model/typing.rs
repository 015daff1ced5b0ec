//! That one is writing, as others are told.

use bytes::Bytes;

use super::Model;
use crate::commands::chat::effect::Effect;

/// How often it is said again while it goes on.
const AGAIN_MS: u64 = 3_000;
/// Without a key for so long, one is not writing.
const PAUSE_MS: u64 = 5_000;

/// Who was told, and when.
#[derive(Debug, Default)]
pub(super) struct Typing {
    to: Option<Bytes>,
    told_ms: u64,
    until_ms: u64,
    /// The text was changed by a person just now.
    touched: bool,
}

impl Typing {
    /// A key has changed the text.
    pub(super) const fn touch(&mut self) {
        self.touched = true;
    }

    /// When it is to be looked at again.
    pub(super) const fn deadline(&self) -> Option<u64> {
        if self.to.is_some() { Some(self.until_ms) } else { None }
    }
}

impl Model {
    /// Tells the other one what changed.
    pub(super) fn tell_typing(&mut self) {
        let touched = std::mem::take(&mut self.typing.touched);
        let writing = self.is_writing();
        if self.typing.to.is_some()
            && (!writing || self.typing.to != self.open || self.now_ms >= self.typing.until_ms && !touched)
        {
            let to = self.typing.to.take();
            self.effects.extend(to.map(|to| Effect::Typing { to, active: false }));
            self.typing.told_ms = 0;
        }
        if !touched || !writing {
            return;
        }
        self.typing.until_ms = self.now_ms + PAUSE_MS;
        if self.now_ms >= self.typing.told_ms + AGAIN_MS {
            self.typing.told_ms = self.now_ms;
            self.typing.to.clone_from(&self.open);
            self.effects.extend(self.open.clone().map(|to| Effect::Typing { to, active: true }));
        }
    }

    /// A message is begun: a command is none.
    fn is_writing(&self) -> bool {
        let first = self.composer.area().lines().first().map_or("", String::as_str);
        !self.composer.is_empty() && (!first.starts_with('/') || first.starts_with("//"))
    }
}
