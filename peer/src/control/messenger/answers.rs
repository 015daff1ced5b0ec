//! What the messenger's calls have in common: asking the actor, and saying what came of it.

use std::{collections::BTreeSet, time::Duration};

use conversation::{Decision, Direction, Epoch, Item, ItemState};
use identity::NodeId;
use proto::control::v1 as control;
use tonic::Status;

use super::MessengerControl;
use crate::{
    command::{Command, Sent, SessionView},
    control::{ask, convert::inbox_item},
    limits::MAX_WAIT,
    wall,
};

impl MessengerControl {
    pub(super) async fn with_faces(&self, items: Vec<Item>) -> Result<Vec<control::InboxItem>, Status> {
        let peers: BTreeSet<_> = items.iter().flat_map(|item| [item.id.sender, item.id.recipient]).collect();
        let peers = peers.into_iter().collect();
        let faces = ask(&self.commands, |reply| Command::Faces { peers, reply }).await?;
        Ok(items.into_iter().map(|item| inbox_item(item, &faces)).collect())
    }

    /// The position before the first message of a peer that was not read, if there is one.
    pub(super) async fn before_unread(&self, peer: NodeId) -> Result<Option<u64>, Status> {
        let named = ask(&self.commands, |reply| Command::Unread { peer, reply }).await?;
        Ok(self.reader.first_of(peer, named).await?.map(|first| first - 1))
    }

    pub(super) async fn decide(&self, peer: String, decision: Decision) -> Result<NodeId, Status> {
        let peer = self.resolve(peer).await?;
        ask(&self.commands, |reply| Command::Decide { peer, decision, reply }).await??;
        Ok(peer)
    }

    /// The message as it is after waiting for its delivery.
    pub(super) async fn wait(
        &self,
        sent: Sent,
        text: String,
        wait: Duration,
    ) -> Result<control::InboxItem, Status> {
        let mut item = Item {
            id: sent.id,
            position: sent.position,
            direction: Direction::Out,
            text: Some(text),
            unknown_content: 0,
            sent_at_ms: sent.sent_at_ms,
            state: ItemState::Queued,
            state_at_ms: sent.sent_at_ms,
            via: Vec::new(),
        };
        if !wait.is_zero() {
            let delivered = ask(&self.commands, |reply| Command::AwaitDelivery { id: sent.id, reply });
            if let Ok(Ok(outcome)) = tokio::time::timeout(wait.min(MAX_WAIT), delivered).await {
                (item.id, item.state) = match outcome {
                    Some(id) => (id, ItemState::AtPeer),
                    None => (sent.id, ItemState::Refused("the peer will not take it".to_owned())),
                };
                item.state_at_ms = wall::now_ms();
            }
        }
        let peers = vec![sent.id.sender, sent.id.recipient];
        let faces = ask(&self.commands, |reply| Command::Faces { peers, reply }).await?;
        if item.state == ItemState::AtPeer {
            item.via = faces.get(&sent.id.recipient).map(|face| face.via.clone()).unwrap_or_default();
        }
        Ok(inbox_item(item, &faces))
    }
}

/// How many are given, of those asked for.
pub(super) fn bounded(asked: u32, usual: usize, most: usize) -> usize {
    match usize::try_from(asked).unwrap_or(usize::MAX) {
        0 => usual,
        asked => asked.min(most),
    }
}

/// Up to which message is to be marked; `None` stands for all.
pub(super) fn through_of(epoch: &[u8], through: u64) -> Result<Option<(Epoch, u64)>, Status> {
    if epoch.is_empty() {
        return Ok(None);
    }
    let wrong = || Status::invalid_argument("an epoch has 16 bytes; take it from the message");
    Epoch::parse(epoch).map(|epoch| Some((epoch, through))).ok_or_else(wrong)
}

pub(super) fn session_status(session: &SessionView) -> control::SessionStatus {
    control::SessionStatus {
        node_id: session.peer.to_bytes(),
        name: session.name.clone(),
        via: session.path.hops().iter().map(|hop| hop.to_bytes()).collect(),
        round_trip_us: session.round_trip_us,
        since: wall::rfc3339(session.since_ms),
        key_exchange: session.key_exchange.clone(),
        skew_ms: session.skew_ms,
        typing: session.typing,
    }
}
