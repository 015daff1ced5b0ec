//! What happened since somebody looked.

use std::collections::BTreeSet;

use conversation::{Item, event};
use identity::NodeId;
use proto::history::v1::event::Kind;
use storage::ReadError;
use tonic::Status;

use super::Reader;
use crate::limits::NEWS_EVENTS;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct News {
    /// New or in a new state, each once, in the order of their positions.
    pub(crate) items: Vec<Item>,
    /// Conversations that were deleted.
    pub(crate) deleted: Vec<NodeId>,
    /// Everything up to this position is told.
    pub(crate) through: u64,
    /// There is more behind `through`.
    pub(crate) more: bool,
}

impl Reader {
    /// What happened after a position, at most [`NEWS_EVENTS`] events of it.
    pub(crate) async fn news(&self, after: u64) -> Result<News, Status> {
        self.blocking(move |reader| reader.look(after)).await
    }

    fn look(&self, after: u64) -> Result<News, ReadError> {
        let mut events = Vec::new();
        for entry in self.log.iter_from(after + 1).take(NEWS_EVENTS) {
            let (position, record) = entry?;
            events.push((position, event::decode(record).ok()));
        }
        let through = events.last().map_or(after, |(position, _)| *position);
        let events: Vec<_> = events.into_iter().filter_map(|(at, event)| event.map(|it| (at, it))).collect();
        let touched: BTreeSet<_> = self.with_book(|book| {
            events.iter().flat_map(|(position, event)| book.touched(*position, event)).collect()
        })?;
        let deleted = events.iter().filter_map(|(_, event)| match &event.kind {
            Some(Kind::ConversationDeleted(deleted)) => NodeId::try_from(&deleted.peer).ok(),
            _ => None,
        });
        let deleted = deleted.collect();
        let touched: Vec<_> = touched.into_iter().collect();
        Ok(News { items: self.read(&touched)?, deleted, through, more: through < self.log.head() })
    }
}
