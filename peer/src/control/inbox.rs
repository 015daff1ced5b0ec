//! The inbox: the history in order, then each change as it becomes durable.

use std::collections::{BTreeMap, BTreeSet};

use conversation::{Direction, Item, ItemState};
use identity::NodeId;
use proto::control::v1 as control;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::{ask, convert::inbox_item};
use crate::{
    command::Command,
    limits::{INBOX_CHUNK, INBOX_OPEN},
    reader::Reader,
};

/// One call that reads the inbox.
#[derive(Debug)]
pub(super) struct Inbox {
    pub(super) reader: Reader,
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) items: mpsc::Sender<Result<control::InboxItem, Status>>,
    pub(super) peer: Option<NodeId>,
    /// How many of the history; 0: all.
    pub(super) last: usize,
    pub(super) follow: bool,
    pub(super) token: CancellationToken,
    pub(super) _place: OwnedSemaphorePermit,
}

/// What was told of own messages whose state may change still. A state may be read before the event behind it is: it is
/// not told twice.
#[derive(Debug, Default)]
struct Told(BTreeMap<u64, ItemState>);

impl Inbox {
    /// Runs until everything was told, the caller is gone, or the peer stops.
    pub(super) async fn run(self) {
        let (token, items) = (self.token.clone(), self.items.clone());
        tokio::select! {
            biased;
            () = token.cancelled() => {
                // Whoever is gone has no use for it.
                let _ = items.try_send(Err(Status::unavailable("the peer is stopping")));
            }
            () = items.closed() => {}
            outcome = self.tell() => if let Err(status) = outcome {
                let _ = items.send(Err(status)).await;
            },
        }
    }

    async fn tell(self) -> Result<(), Status> {
        let mut changes = self.reader.changes();
        let mut through = *changes.borrow_and_update();
        let mut told = Told::default();
        let count = if self.last == 0 { usize::MAX } else { self.last };
        let mut positions = self.reader.last(self.peer, count).await?;
        positions.retain(|position| *position <= through);
        for chunk in positions.chunks(INBOX_CHUNK) {
            self.pass_on(self.reader.items(chunk.to_vec()).await?, &mut told).await?;
        }
        drop(positions);
        if !self.follow {
            return Ok(());
        }
        loop {
            let news = self.reader.news(through).await?;
            through = news.through;
            self.pass_on(news.items, &mut told).await?;
            if !news.more && changes.changed().await.is_err() {
                return Ok(());
            }
        }
    }

    async fn pass_on(&self, mut items: Vec<Item>, told: &mut Told) -> Result<(), Status> {
        items.retain(|item| self.peer.is_none_or(|peer| item.peer() == peer) && told.is_news(item));
        let peers: BTreeSet<_> = items.iter().flat_map(|item| [item.id.sender, item.id.recipient]).collect();
        let peers = peers.into_iter().collect();
        let faces = ask(&self.commands, |reply| Command::Faces { peers, reply }).await?;
        for item in items {
            let gone = |_| Status::cancelled("nobody reads this any more");
            self.items.send(Ok(inbox_item(item, &faces))).await.map_err(gone)?;
        }
        Ok(())
    }
}

impl Told {
    fn is_news(&mut self, item: &Item) -> bool {
        if item.direction == Direction::In {
            return true;
        }
        if self.0.get(&item.position) == Some(&item.state) {
            return false;
        }
        if self.0.len() == INBOX_OPEN {
            self.0.pop_first();
        }
        self.0.insert(item.position, item.state.clone());
        true
    }
}
