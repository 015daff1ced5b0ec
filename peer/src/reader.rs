//! Reading the history for people: which messages there are, from the book; what they say, from the log.
//!
//! The book is behind while nobody reads, and catches up when somebody does: a peer that only carries messages does not
//! read each of them twice. Everything here touches the disk on threads that may block.

mod news;
mod search;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use conversation::{Book, Direction, Epoch, Item, event};
use identity::NodeId;
use storage::{Log, ReadError};
use tokio::sync::watch;
use tonic::Status;

use crate::limits::MESSAGES_MOST;

/// The history, for readers. Clones read the same book.
#[derive(Debug, Clone)]
pub(crate) struct Reader {
    log: Log,
    book: Arc<Mutex<Book>>,
    head: watch::Receiver<u64>,
}

/// A part of a conversation.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Part {
    /// Only smaller positions; 0: up to the newest.
    pub(crate) before: u64,
    /// Only greater positions, and of these the oldest; 0: the newest.
    pub(crate) after: u64,
    pub(crate) limit: usize,
}

/// What lies in a part.
#[derive(Debug, Default)]
pub(crate) struct Messages {
    /// Oldest first.
    pub(crate) items: Vec<Item>,
    pub(crate) older: bool,
    pub(crate) newer: bool,
}

impl Reader {
    /// `book` holds what was in the log so far, or a part of it.
    pub(crate) fn new(log: Log, book: Book, head: watch::Receiver<u64>) -> Self {
        Self { log, book: Arc::new(Mutex::new(book)), head }
    }

    /// The position of the last durable event.
    pub(crate) fn head(&self) -> u64 {
        *self.head.borrow()
    }

    /// Changes when more is durable.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.head.clone()
    }

    /// A part of the conversation with a peer.
    pub(crate) async fn messages(&self, peer: NodeId, part: Part) -> Result<Messages, Status> {
        self.blocking(move |reader| {
            let (positions, older, newer) = reader.with_book(|book| select(book.messages(peer), part))?;
            Ok(Messages { items: reader.read(&positions)?, older, newer })
        })
        .await
    }

    /// Where the first of these messages of a peer lies, named by their epochs and numbers; `None` if none is shown.
    pub(crate) async fn first_of(
        &self,
        peer: NodeId,
        mut named: BTreeSet<(Epoch, u64)>,
    ) -> Result<Option<u64>, Status> {
        self.blocking(move |reader| {
            let positions = reader.with_book(|book| book.messages(peer).to_vec())?;
            let mut first = None;
            for part in positions.rchunks(MESSAGES_MOST) {
                if named.is_empty() {
                    break;
                }
                let items = reader.read(part)?;
                let incoming = items.iter().rev().filter(|item| item.direction == Direction::In);
                for item in incoming.filter(|item| named.remove(&(item.id.epoch, item.id.sequence))) {
                    first = Some(item.position);
                }
            }
            Ok(first)
        })
        .await
    }

    /// The positions of the last messages, with one peer or with all.
    pub(crate) async fn last(&self, peer: Option<NodeId>, count: usize) -> Result<Vec<u64>, Status> {
        self.blocking(move |reader| {
            reader.with_book(|book| match peer {
                Some(peer) => {
                    let all = book.messages(peer);
                    all[all.len().saturating_sub(count)..].to_vec()
                }
                None => book.last(count),
            })
        })
        .await
    }

    /// Where the newest message of each of these conversations lies.
    pub(crate) async fn newest(&self, peers: Vec<NodeId>) -> Result<Vec<(NodeId, u64)>, Status> {
        self.blocking(move |reader| {
            let newest = |book: &Book, peer: NodeId| Some((peer, *book.messages(peer).last()?));
            reader.with_book(|book| peers.into_iter().filter_map(|peer| newest(book, peer)).collect())
        })
        .await
    }

    /// The messages at these positions, as far as they are still shown.
    pub(crate) async fn items(&self, positions: Vec<u64>) -> Result<Vec<Item>, Status> {
        self.blocking(move |reader| reader.read(&positions)).await
    }

    /// Asks the book, once it has caught up.
    fn with_book<T>(&self, ask: impl FnOnce(&Book) -> T) -> Result<T, ReadError> {
        let mut book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        let next = (book.through() + 1).max(self.log.first());
        for entry in self.log.iter_from(next) {
            let (position, record) = entry?;
            if let Ok(event) = event::decode(record) {
                book.push(position, &event);
            }
        }
        Ok(ask(&book))
    }

    fn read(&self, positions: &[u64]) -> Result<Vec<Item>, ReadError> {
        let mut events = Vec::with_capacity(positions.len());
        for position in positions {
            let event = self.log.get(*position)?.and_then(|record| event::decode(record).ok());
            events.extend(event.map(|event| (*position, event)));
        }
        self.with_book(|book| events.iter().filter_map(|(at, event)| book.item(*at, event)).collect())
    }

    /// Reads on a thread that may block.
    async fn blocking<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Self) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, Status> {
        let reader = self.clone();
        let outcome = tokio::task::spawn_blocking(move || read(&reader)).await;
        let outcome = outcome.map_err(|error| Status::internal(error.to_string()))?;
        outcome.map_err(|error| Status::data_loss(error.to_string()))
    }
}

/// The positions of a part, and whether there are older and newer ones.
fn select(all: &[u64], part: Part) -> (Vec<u64>, bool, bool) {
    let begin = all.partition_point(|position| *position <= part.after);
    let end = if part.before == 0 { all.len() } else { all.partition_point(|it| *it < part.before) };
    let range = if begin >= end {
        begin..begin
    } else if part.after > 0 {
        begin..end.min(begin.saturating_add(part.limit))
    } else {
        begin.max(end.saturating_sub(part.limit))..end
    };
    (all[range.clone()].to_vec(), range.start > 0, range.end < all.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_the_newest_or_the_oldest_after_a_position() {
        let all: Vec<_> = (10..20).collect();
        let part = |before, after, limit| select(&all, Part { before, after, limit });
        assert_eq!(part(0, 0, 3), (vec![17, 18, 19], true, false));
        assert_eq!(part(17, 0, 2), (vec![15, 16], true, true));
        assert_eq!(part(0, 11, 2), (vec![12, 13], true, true));
        assert_eq!(part(12, 0, 9), (vec![10, 11], false, true));
        assert_eq!(part(0, 19, 9), (vec![], true, false));
        assert_eq!(part(14, 12, 9), (vec![13], true, true));
        assert_eq!(select(&[], Part { before: 0, after: 0, limit: 3 }), (vec![], false, false));
    }
}
