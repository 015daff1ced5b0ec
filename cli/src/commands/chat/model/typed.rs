//! What is typed and entered: messages and commands.

use bytes::Bytes;

use super::{Link, Model};
use crate::commands::chat::{
    command::{self, Command, Typed},
    conversation::Scroll,
    effect::Effect,
    panel::{Kind, Panel, Search, Verify},
};

/// What a message may hold.
const MAX_TEXT_BYTES: usize = 64 * 1024;

impl Model {
    /// Enter was pressed.
    pub(super) fn submit(&mut self) {
        match command::read(&self.composer.text()) {
            Typed::Wrong(why) => self.complain(why),
            Typed::Command(command) => {
                self.composer.take();
                self.run(command);
            }
            Typed::Message(text) => self.send(&text),
        }
    }

    fn send(&mut self, text: &str) {
        let text = text.trim_end();
        if text.trim().is_empty() {
            return;
        }
        let Some(to) = self.open.clone() else {
            return self.complain("choose somebody first: Tab, or /to NAME");
        };
        if text.len() > MAX_TEXT_BYTES {
            let sentence = format!(
                "a message has at most {MAX_TEXT_BYTES} bytes, this one has {}; send it in parts",
                text.len()
            );
            return self.complain(sentence);
        }
        self.outbox.push(to, text.to_owned(), self.now_ms);
        self.composer.take();
        self.panel = None;
        self.go_to_end();
        if let Some(talk) = self.open_talk_mut() {
            talk.unread_from = None;
            talk.scroll = Scroll::Bottom;
        }
        self.send_next();
    }

    /// Asks for the next message to be stored, where somebody can be asked.
    pub(super) fn send_next(&mut self) {
        if self.link == Link::Up {
            let next = self.outbox.next();
            self.effects.extend(next);
        }
    }

    fn run(&mut self, command: Command) {
        match command {
            Command::Help => self.panel = Some(Panel::new(Kind::Help)),
            Command::Who => self.panel = Some(Panel::new(Kind::Who)),
            Command::Quit => self.leave(),
            Command::Open(text) => match self.people.find(&text) {
                Ok(id) => self.open(id),
                Err(why) => self.complain(why),
            },
            Command::Rename(name) => {
                self.ask(Effect::Rename { name });
            }
            Command::Search { text, here: false } => self.search(text, None),
            other => match self.open.clone() {
                Some(peer) => self.run_with(other, peer),
                None => self.complain("with whom? Choose somebody first: Tab, or /to NAME"),
            },
        }
    }

    /// Commands about whoever's conversation is open.
    fn run_with(&mut self, command: Command, peer: Bytes) {
        match command {
            Command::Route => self.panel = Some(Panel::new(Kind::Route(peer))),
            Command::Delete => self.panel = Some(Panel::new(Kind::Delete(peer))),
            Command::Verify => {
                if self.ask(Effect::SafetyNumber { peer: peer.clone() }) {
                    self.panel = Some(Panel::new(Kind::Verify(Verify { peer, number: None })));
                }
            }
            Command::Unverify => {
                self.ask(Effect::SetVerified { peer, verified: false });
            }
            Command::Block(blocked) => {
                self.ask(Effect::SetBlocked { peer, blocked });
            }
            Command::Export(path) => {
                self.ask(Effect::Export { peer, path });
            }
            Command::Search { text, .. } => self.search(text, Some(peer)),
            Command::Help | Command::Quit | Command::Who | Command::Open(_) | Command::Rename(_) => {}
        }
    }

    fn search(&mut self, text: String, peer: Option<Bytes>) {
        self.searches += 1;
        let search = self.searches;
        if self.ask(Effect::Search { search, text: text.clone(), peer: peer.clone(), before: 0 }) {
            let found =
                Search { number: search, text, peer, hits: Vec::new(), chosen: 0, next: 0, loading: true };
            self.panel = Some(Panel::new(Kind::Search(found)));
        }
    }

    /// Has something done that only a running peer can do.
    pub(super) fn ask(&mut self, effect: Effect) -> bool {
        let up = self.link == Link::Up;
        if up {
            self.push(effect);
        } else {
            self.complain("not now: the peer does not answer");
        }
        up
    }
}
