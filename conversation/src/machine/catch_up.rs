//! A peer that lost messages it had acknowledged (a restored backup) gets them again, from our log.
//!
//! From the first one that it lost, or that waits for it, everything goes in the order of the log.

use std::collections::{BTreeMap, BTreeSet};

use identity::NodeId;
use proto::chat::v1::{self as chat, frame};

use super::Conversation;
use crate::{Epoch, Fetched, Output, envelope};

/// The resending of what a peer lost. Until it is done, nothing newer is sent.
#[derive(Debug)]
pub(super) struct CatchUp {
    /// What the peer holds, as far as it said.
    held: BTreeMap<Epoch, u64>,
    /// Where reading goes on, `None` at the end.
    next: Option<u64>,
    under_way: BTreeSet<(Epoch, u64)>,
    reading: bool,
}

impl Conversation {
    /// Begins, if the peer lost anything.
    pub(super) fn start_catch_up(&mut self, peer: NodeId, held: Vec<(Epoch, u64)>, out: &mut Vec<Output>) {
        let Some(contact) = self.state.contacts.get(&peer) else { return };
        let Some(lost) = contact.outbound.lost(&held) else { return };
        let from = contact.outbound.outbox().front().map_or(lost, |waiting| waiting.position.min(lost));
        let catch_up = CatchUp {
            held: held.into_iter().collect(),
            next: None,
            under_way: BTreeSet::new(),
            reading: true,
        };
        self.links.entry(peer).or_default().catch_up = Some(catch_up);
        out.push(Output::Fetch { peer, from });
    }

    pub(super) fn handle_fetched(
        &mut self,
        peer: NodeId,
        messages: Vec<Fetched>,
        next: Option<u64>,
        out: &mut Vec<Output>,
    ) {
        let Some(link) = self.links.get_mut(&peer) else { return };
        let (Some(session), Some(catch_up)) = (link.active, link.catch_up.as_mut()) else { return };
        let Some(contact) = self.state.contacts.get(&peer).filter(|_| catch_up.reading) else { return };
        (catch_up.reading, catch_up.next) = (false, next);
        for message in messages {
            let Ok((id, _)) = envelope::decode(&message.envelope) else { continue };
            let held = catch_up.held.get(&id.epoch).copied().unwrap_or(0);
            if id.recipient == peer
                && id.sequence > held
                && contact.outbound.is_current(id.epoch, id.sequence)
            {
                catch_up.under_way.insert((id.epoch, id.sequence));
                let kind = Some(frame::Kind::Message(chat::Message { envelope: message.envelope }));
                out.push(Output::Transmit { session, frame: chat::Frame { kind } });
            }
        }
        self.go_on(peer, out);
    }

    /// The peer stored some of it.
    pub(super) fn on_caught_up(&mut self, peer: NodeId, epoch: Epoch, through: u64, out: &mut Vec<Output>) {
        if let Some(catch_up) = self.links.get_mut(&peer).and_then(|link| link.catch_up.as_mut()) {
            let held = catch_up.held.entry(epoch).or_default();
            *held = through.max(*held);
            catch_up.under_way.retain(|(waiting, number)| *waiting != epoch || *number > through);
            self.go_on(peer, out);
        }
    }

    /// A message of it was refused: from the beginning, with what the peer holds now.
    pub(super) fn restart_catch_up(
        &mut self,
        peer: NodeId,
        epoch: Epoch,
        through: u64,
        out: &mut Vec<Output>,
    ) {
        if let Some(mut catch_up) = self.links.get_mut(&peer).and_then(|link| link.catch_up.take()) {
            catch_up.held.insert(epoch, through);
            self.start_catch_up(peer, catch_up.held.into_iter().collect(), out);
        }
    }

    fn go_on(&mut self, peer: NodeId, out: &mut Vec<Output>) {
        let Some(link) = self.links.get_mut(&peer) else { return };
        let Some(catch_up) = link.catch_up.as_mut() else { return };
        if catch_up.reading || !catch_up.under_way.is_empty() {
            return;
        }
        match catch_up.next {
            Some(from) => {
                catch_up.reading = true;
                out.push(Output::Fetch { peer, from });
            }
            None => {
                link.catch_up = None;
                self.pump(peer, out);
            }
        }
    }
}
