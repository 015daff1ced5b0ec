//! Searching what was said, newest first.

use conversation::{Item, Words, envelope, event};
use identity::NodeId;
use proto::{
    chat::v1::{Text, envelope::Content},
    history::v1::{Event, event::Kind},
};
use storage::ReadError;
use tonic::Status;

use super::Reader;

/// What a search found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Newest first.
    pub(crate) items: Vec<Item>,
    /// Where to go on; 0 at the end.
    pub(crate) next: u64,
}

impl Reader {
    /// The newest messages before a position that contain all `words`, with one peer or with all.
    pub(crate) async fn search(
        &self,
        words: Words,
        peer: Option<NodeId>,
        before: u64,
        limit: usize,
    ) -> Result<Found, Status> {
        self.blocking(move |reader| reader.look_for(&words, peer, before, limit)).await
    }

    fn look_for(
        &self,
        words: &Words,
        peer: Option<NodeId>,
        before: u64,
        limit: usize,
    ) -> Result<Found, ReadError> {
        let begin = if before == 0 { u64::MAX } else { before - 1 };
        let mut found = Vec::new();
        if begin == 0 {
            return Ok(Found::default());
        }
        for entry in self.log.backward_from(begin) {
            let (position, record) = entry?;
            if !words.may_be_in(&record) {
                continue;
            }
            let Ok(event) = event::decode(record) else { continue };
            if !text_of(&event).is_some_and(|text| words.are_in(&text)) {
                continue;
            }
            let item = self.with_book(|book| book.item(position, &event))?;
            found.extend(item.filter(|item| peer.is_none_or(|peer| item.peer() == peer)));
            if found.len() > limit {
                // One more than asked for shows that there is more.
                found.pop();
                let next = found.last().map_or(0, |last| last.position);
                return Ok(Found { items: found, next });
            }
        }
        Ok(Found { items: found, next: 0 })
    }
}

/// The text of a message.
fn text_of(event: &Event) -> Option<String> {
    let envelope = match &event.kind {
        Some(Kind::MessageIn(message)) => &message.envelope,
        Some(Kind::MessageOut(message)) => &message.envelope,
        _ => return None,
    };
    let (_, envelope) = envelope::decode(envelope).ok()?;
    envelope.content.map(|Content::Text(Text { text })| text)
}
