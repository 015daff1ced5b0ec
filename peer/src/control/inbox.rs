//! The inbox: the history in order, then each change as it becomes durable.

use std::collections::BTreeSet;

use conversation::Item;
use identity::NodeId;
use proto::control::v1 as control;
use storage::Log;
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::{ask, convert::inbox_item};
use crate::{command::Command, history::Reader, limits::INBOX_CHUNK};

/// One call that reads the inbox.
#[derive(Debug)]
pub(super) struct Inbox {
    pub(super) log: Log,
    pub(super) head: watch::Receiver<u64>,
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) items: mpsc::Sender<Result<control::InboxItem, Status>>,
    pub(super) peer: Option<NodeId>,
    pub(super) last: usize,
    pub(super) follow: bool,
    pub(super) token: CancellationToken,
    pub(super) _place: OwnedSemaphorePermit,
}

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

    async fn tell(mut self) -> Result<(), Status> {
        let mut reader = Reader::new(self.log.clone(), self.peer);
        let mut last = self.last;
        loop {
            self.head.borrow_and_update();
            let (back, mut positions) = blocking(reader, Reader::advance).await?;
            reader = back;
            if last > 0 {
                let count = std::mem::take(&mut last);
                (reader, positions) = blocking(reader, move |reader| reader.last(&positions, count)).await?;
            }
            for chunk in positions.chunks(INBOX_CHUNK) {
                let chunk = chunk.to_vec();
                let (back, items) = blocking(reader, move |reader| reader.items(&chunk)).await?;
                reader = back;
                self.pass_on(items).await?;
            }
            if !self.follow || self.head.changed().await.is_err() {
                return Ok(());
            }
        }
    }

    async fn pass_on(&self, items: Vec<Item>) -> Result<(), Status> {
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

/// Reads on a thread that may block.
async fn blocking<T: Send + 'static>(
    mut reader: Reader,
    read: impl FnOnce(&mut Reader) -> Result<T, storage::ReadError> + Send + 'static,
) -> Result<(Reader, T), Status> {
    let task = tokio::task::spawn_blocking(move || {
        let outcome = read(&mut reader);
        (reader, outcome)
    });
    let (reader, outcome) = task.await.map_err(|error| Status::internal(error.to_string()))?;
    let value = outcome.map_err(|error| Status::data_loss(error.to_string()))?;
    Ok((reader, value))
}
