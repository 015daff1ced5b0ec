//! The open conversation: what of it is loaded, where one looks, what counts as read.

use bytes::Bytes;

use super::{Link, Model};
use crate::commands::chat::{
    conversation::{Conversation, Scroll},
    effect::{Effect, Want},
    measure::Measure,
    transcript::{Entry, Setting},
};

/// Messages that are loaded at first, and the most that come at once.
const FIRST: u32 = 100;
const MOST: u32 = 500;

impl Model {
    /// Shows somebody's conversation.
    pub(super) fn open(&mut self, id: Bytes) {
        self.panel = None;
        self.people_from = None;
        if self.open.as_ref() == Some(&id) {
            return;
        }
        self.composer.switch(self.open.as_ref(), &id);
        if let Some(left) = self.open_talk_mut() {
            (left.unread_from, left.hit, left.scroll) = (None, None, Scroll::Bottom);
            if left.newer {
                left.clear();
            }
        }
        self.open = Some(id);
        self.load_open();
        self.show_unread();
    }

    /// The open conversation.
    pub(in crate::commands::chat) fn open_talk(&self) -> Option<&Conversation> {
        self.talks.get(self.open.as_ref()?)
    }

    pub(super) fn open_talk_mut(&mut self) -> Option<&mut Conversation> {
        self.talks.get_mut(self.open.as_ref()?)
    }

    /// Loads the newest of the open conversation, or what is unread, unless something of it is there.
    pub(super) fn load_open(&mut self) {
        let Some(peer) = self.open.clone().filter(|_| self.link == Link::Up) else { return };
        let unread = self.people.person(&peer).map_or(0, |person| person.unread);
        let talk = self.talks.entry(peer.clone()).or_default();
        if talk.loaded || talk.loading.is_some() {
            return;
        }
        // All that is not read, and some before it; or where it begins, for what nobody saw is not read.
        match u32::try_from(unread + 10) {
            Ok(count) if count <= MOST => self.load(peer, Want::Newest(count.max(FIRST))),
            _ => self.load(peer, Want::Unread),
        }
    }

    fn load(&mut self, peer: Bytes, want: Want) {
        self.talks.entry(peer.clone()).or_default().loading = Some(want);
        self.push(Effect::Load { peer, want });
    }

    /// Loads older or newer messages before one sees that they are missing.
    pub(super) fn load_around_view(&mut self) {
        let Some(talk) = self.open_talk().filter(|talk| talk.loaded && talk.loading.is_none()) else {
            return;
        };
        if self.link != Link::Up || !(talk.older || talk.newer) {
            return;
        }
        let view = self.view_height();
        if talk.scroll == Scroll::Bottom && !talk.newer && talk.items().count() >= 2 * view {
            return;
        }
        let want = self.measured(|measure| {
            let edge = measure.edge(talk.scroll)?;
            if talk.older && measure.up(edge, 2 * view).1 < 2 * view {
                return talk.first().map(Want::Before);
            }
            let near = talk.newer && measure.down(edge, view).1 < view;
            talk.last().filter(|_| near).map(Want::After)
        });
        if let (Some(want), Some(peer)) = (want, self.open.clone()) {
            self.load(peer, want);
        }
    }

    /// Marks as read what is in view and looked at.
    pub(super) fn mark_seen(&mut self) {
        let hidden = self.panel.is_some() || self.areas().body.is_empty();
        let waits = self.partner().is_some_and(|person| person.unread > 0);
        if hidden || !waits || !self.looked_at || self.link != Link::Up {
            return;
        }
        let (Some(peer), Some(talk)) = (self.open.clone(), self.open_talk()) else { return };
        let through = match talk.scroll {
            Scroll::Bottom => talk.last(),
            Scroll::At { position, .. } => Some(position),
        };
        for (epoch, through) in through.map(|through| talk.seen_through(through)).unwrap_or_default() {
            let marked = self.marked.entry((peer.clone(), epoch.clone())).or_default();
            if *marked < through {
                *marked = through;
                self.effects.push(Effect::MarkRead { peer: peer.clone(), epoch, through });
            }
        }
    }

    /// The messages to be shown, oldest first.
    pub(in crate::commands::chat) fn entries(&self) -> Vec<Entry<'_>> {
        let (Some(peer), Some(talk)) = (&self.open, self.open_talk()) else { return Vec::new() };
        let outgoing = self.outbox.shown(peer).filter(|_| !talk.newer);
        let outgoing = outgoing.map(|(outgoing, stored)| Entry::Outgoing(outgoing, stored));
        talk.items().map(Entry::Stored).chain(outgoing).collect()
    }

    /// Calls `with` with what the lines of the open conversation depend on.
    pub(in crate::commands::chat) fn with_setting<T>(&self, with: impl FnOnce(&Setting<'_>) -> T) -> T {
        let name = self.open.as_ref().map(|id| self.people.call(id)).unwrap_or_default();
        let talk = self.open_talk();
        with(&Setting {
            width: usize::from(self.areas().body.width),
            name: &name,
            reason: self.partner().map_or("", |person| &person.reason),
            unread_from: talk.and_then(|talk| talk.unread_from),
            hit: talk.and_then(|talk| talk.hit),
            now_ms: self.now_ms,
        })
    }

    /// Calls `with` with the measures of the open conversation.
    fn measured<T>(&self, with: impl FnOnce(&Measure<'_>) -> T) -> T {
        let entries = self.entries();
        self.with_setting(|setting| with(&Measure { entries: &entries, setting, view: self.view_height() }))
    }

    fn view_height(&self) -> usize {
        usize::from(self.areas().body.height)
    }

    /// Looks elsewhere in the open conversation.
    fn look(&mut self, place: impl FnOnce(&Measure<'_>, Scroll) -> Option<Scroll>) {
        let Some(scroll) = self.open_talk().map(|talk| talk.scroll) else { return };
        let scroll = self.measured(|measure| place(measure, scroll));
        if let (Some(talk), Some(scroll)) = (self.open_talk_mut(), scroll) {
            talk.scroll = scroll;
        }
    }

    /// Up is more.
    pub(super) fn scroll_by(&mut self, lines: isize) {
        self.look(|measure, scroll| {
            let edge = measure.edge(scroll)?;
            let count = lines.unsigned_abs();
            let (edge, _) = if lines > 0 { measure.up(edge, count) } else { measure.down(edge, count) };
            Some(measure.scroll(edge))
        });
    }

    /// Back to the newest message.
    pub(super) fn go_to_end(&mut self) {
        let (is_up, open) = (self.link == Link::Up, self.open.clone());
        if let Some(talk) = self.open_talk_mut() {
            (talk.scroll, talk.hit) = (Scroll::Bottom, None);
            if talk.newer {
                talk.clear();
                if let Some(peer) = open.filter(|_| is_up) {
                    self.load(peer, Want::Newest(FIRST));
                }
            }
        }
    }

    /// Draws the line before what is not read, and sees to it that it is in view.
    pub(super) fn show_unread(&mut self) {
        let unread = self.partner().map_or(0, |person| person.unread);
        let Some(talk) = self.open_talk_mut().filter(|talk| talk.loaded && unread > 0) else { return };
        talk.unread_from = talk.unread_begin(unread);
        let Some(from) = talk.unread_from else { return };
        self.look(|measure, _| {
            let (edge, _) = measure.down(measure.above(from), measure.view);
            Some(measure.scroll(edge))
        });
    }

    /// Goes to a message of somebody.
    pub(super) fn jump(&mut self, peer: Bytes, position: u64) {
        self.open(peer.clone());
        let talk = self.talks.entry(peer.clone()).or_default();
        talk.hit = Some(position);
        if talk.holds(position) {
            self.show(position);
        } else {
            self.load(peer, Want::Around(position));
        }
    }

    /// Brings a message into the middle of the view.
    pub(super) fn show(&mut self, position: u64) {
        self.look(|measure, _| {
            let (edge, _) = measure.down(measure.below(position), measure.view / 2);
            Some(measure.scroll(edge))
        });
        if let Some(talk) = self.open_talk_mut() {
            talk.hit = Some(position);
        }
    }

    /// Whether one came to a message and did not move since.
    pub(super) fn is_at(&self, position: u64) -> bool {
        self.open_talk().is_some_and(|talk| talk.hit == Some(position))
    }
}
