//! One conversation as far as it is loaded: a stretch of the history without holes, and where one looks at it.

use std::collections::BTreeMap;

use bytes::Bytes;
use proto::control::v1::{DeliveryState, Direction, InboxItem, MessagesResponse};

use super::effect::Want;

/// Where one looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Scroll {
    /// At the newest, and at whatever comes.
    #[default]
    Bottom,
    /// The message at `position` is the last in view, and `hidden` of its lines are below.
    At { position: u64, hidden: usize },
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Conversation {
    items: BTreeMap<u64, InboxItem>,
    /// There are older, or newer, messages than these.
    pub(super) older: bool,
    pub(super) newer: bool,
    /// Something was loaded.
    pub(super) loaded: bool,
    /// What is asked for and not answered yet.
    pub(super) loading: Option<Want>,
    pub(super) scroll: Scroll,
    /// The first message that was not read when one came here.
    pub(super) unread_from: Option<u64>,
    /// The message that a search led to.
    pub(super) hit: Option<u64>,
}

impl Conversation {
    /// The messages, oldest first.
    pub(super) fn items(&self) -> impl DoubleEndedIterator<Item = &InboxItem> {
        self.items.values()
    }

    /// Whether a message is loaded.
    pub(super) fn holds(&self, position: u64) -> bool {
        self.items.contains_key(&position)
    }

    /// The position of the oldest loaded message.
    pub(super) fn first(&self) -> Option<u64> {
        self.items.keys().next().copied()
    }

    /// The position of the newest loaded message.
    pub(super) fn last(&self) -> Option<u64> {
        self.items.keys().next_back().copied()
    }

    /// Takes in a part that was asked for.
    pub(super) fn take_page(&mut self, want: Want, page: MessagesResponse) {
        self.loading = None;
        match want {
            Want::Newest(_) => {
                // What came meanwhile is kept, but not what would leave a hole.
                let oldest = page.messages.first().map_or(0, |item| item.position);
                self.items.retain(|position, _| *position >= oldest);
                (self.older, self.newer) = (page.older, false);
            }
            Want::Around(_) | Want::Unread => {
                self.items.clear();
                (self.older, self.newer) = (page.older, page.newer);
            }
            Want::Before(_) => self.older = page.older,
            Want::After(_) => self.newer = page.newer,
        }
        self.loaded = true;
        for item in page.messages {
            // News overtake the answer to a question that was asked before.
            let known = self.items.get(&item.position);
            if known.is_none_or(|known| known.id != item.id || rank(known) <= rank(&item)) {
                self.items.insert(item.position, item);
            }
        }
    }

    /// Takes in a message that is new or in a new state. True when it was not there before and belongs to the end.
    pub(super) fn take_news(&mut self, item: InboxItem) -> bool {
        let position = item.position;
        if !self.loaded && self.loading.is_none() {
            return false;
        }
        let known = self.holds(position);
        let behind = self.last().is_none_or(|last| position > last);
        let before = self.first().is_some_and(|first| position < first);
        if known || (behind && !self.newer) || (!behind && !before) || (before && !self.older && self.loaded)
        {
            self.items.insert(position, item);
        }
        !known && behind && !self.newer
    }

    /// Forgets all that is loaded.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Where so many unread messages begin; `None` when that is further up than what is loaded.
    pub(super) fn unread_begin(&self, count: u64) -> Option<u64> {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let mut incoming = self.items.values().filter(|item| item.direction() == Direction::In);
        let before = match incoming.clone().count().checked_sub(count) {
            // Without the end, what is loaded was asked for because it begins there.
            None if self.older && !self.newer => return None,
            before => before.unwrap_or(0),
        };
        incoming.nth(before).map(|item| item.position)
    }

    /// The newest incoming message of each epoch, up to a position.
    pub(super) fn seen_through(&self, position: u64) -> Vec<(Bytes, u64)> {
        let mut seen: Vec<(Bytes, u64)> = Vec::new();
        for (_, item) in self.items.range(..=position).rev() {
            if item.direction() == Direction::In && seen.iter().all(|(epoch, _)| *epoch != item.epoch) {
                seen.push((item.epoch.clone(), item.sequence));
            }
        }
        seen
    }
}

/// Who the other one of a message is.
pub(super) fn partner(item: &InboxItem) -> &Bytes {
    if item.direction() == Direction::In { &item.from } else { &item.to }
}

/// A message only goes forward through these.
fn rank(item: &InboxItem) -> u8 {
    match item.state() {
        DeliveryState::AtPeer => 1,
        DeliveryState::Read => 2,
        DeliveryState::Refused => 3,
        DeliveryState::Queued | DeliveryState::Received | DeliveryState::Unspecified => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(position: u64, state: DeliveryState) -> InboxItem {
        InboxItem {
            position,
            state: state.into(),
            direction: Direction::In.into(),
            epoch: vec![1].into(),
            sequence: position,
            ..InboxItem::default()
        }
    }

    fn page(positions: std::ops::RangeInclusive<u64>, older: bool, newer: bool) -> MessagesResponse {
        let messages = positions.map(|position| item(position, DeliveryState::Received)).collect();
        MessagesResponse { messages, older, newer }
    }

    fn positions(conversation: &Conversation) -> Vec<u64> {
        conversation.items().map(|item| item.position).collect()
    }

    #[test]
    fn news_that_came_before_the_first_page_are_neither_lost_nor_doubled() {
        let mut conversation = Conversation { loading: Some(Want::Newest(100)), ..Conversation::default() };
        conversation.take_news(item(7, DeliveryState::AtPeer));
        conversation.take_news(item(8, DeliveryState::Received));
        let mut answer = page(5..=7, true, false);
        answer.messages[2].state = DeliveryState::Queued.into();
        conversation.take_page(Want::Newest(100), answer);
        assert_eq!(positions(&conversation), [5, 6, 7, 8]);
        assert_eq!(conversation.items().nth(2).unwrap().state(), DeliveryState::AtPeer);
    }

    #[test]
    fn in_the_middle_of_the_history_what_is_new_leaves_no_hole() {
        let mut conversation = Conversation::default();
        conversation.take_page(Want::Around(12), page(10..=12, true, true));
        assert!(!conversation.take_news(item(40, DeliveryState::Received)));
        conversation.take_page(Want::After(12), page(13..=39, true, true));
        conversation.take_page(Want::After(39), page(40..=40, true, false));
        assert!(conversation.take_news(item(41, DeliveryState::Received)));
        assert_eq!(positions(&conversation), (10..=41).collect::<Vec<_>>());
    }

    #[test]
    fn what_was_seen_is_told_by_epoch() {
        let mut conversation = Conversation::default();
        conversation.take_page(Want::Newest(100), page(1..=5, false, false));
        let mut other = item(6, DeliveryState::Received);
        other.epoch = vec![2].into();
        other.sequence = 1;
        conversation.take_news(other);
        assert_eq!(conversation.seen_through(4), [(vec![1].into(), 4)]);
        assert_eq!(conversation.seen_through(9), [(vec![2].into(), 1), (vec![1].into(), 5)]);
        assert_eq!(conversation.unread_begin(2), Some(5));
    }
}
