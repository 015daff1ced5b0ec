//! The timeline over a small history, made by the machine itself.

use identity::NodeId;
use proto::history::v1::{DeliveredThere, ReadThere};

use super::*;
use crate::{Conversation, Input, Output, event};

fn id(byte: u8) -> NodeId {
    NodeId::from_bytes([byte; 32])
}

/// A history with `messages` to peer 2.
fn history(messages: u64) -> (Vec<Event>, Epoch) {
    let mut core = Conversation::new(id(1), [1; 32]);
    let mut out = Vec::new();
    for request in 0..messages {
        core.handle(
            Input::Send { request, to: id(2), text: format!("m{request}"), once: Vec::new().into() },
            100,
            &mut out,
        );
    }
    let record = |output| match output {
        Output::Append(record) => event::decode(record).ok(),
        _ => None,
    };
    (out.into_iter().filter_map(record).collect(), core.epoch())
}

/// The book of a history whose events lie at the positions 1, 2, 3 and so on.
fn book_of(events: &[Event]) -> Book {
    let mut book = Book::default();
    for (position, event) in (1..).zip(events) {
        book.push(position, event);
    }
    book
}

fn items(book: &Book, events: &[Event]) -> Vec<Item> {
    (1..).zip(events).filter_map(|(position, event)| book.item(position, event)).collect()
}

fn states(book: &Book, events: &[Event]) -> Vec<ItemState> {
    items(book, events).into_iter().map(|item| item.state).collect()
}

fn delivered(epoch: Epoch, through: u64, at_ms: u64) -> Event {
    let (peer, epoch, via) = (id(2).to_bytes(), epoch.to_bytes(), vec![id(9).to_bytes()]);
    event::new(0, Kind::DeliveredThere(DeliveredThere { peer, epoch, through, at_ms, via }))
}

#[test]
fn receipts_change_exactly_the_messages_they_cover() {
    let (mut events, epoch) = history(3);
    let messages = book_of(&events).messages(id(2)).to_vec();
    assert_eq!(messages.len(), 3);
    let read = ReadThere { peer: id(2).to_bytes(), epoch: epoch.to_bytes(), through: 1, at_ms: 700 };
    let receipts = [
        (delivered(epoch, 2, 500), &messages[..2]),
        (event::new(0, Kind::ReadThere(read)), &messages[..1]),
        (delivered(epoch, 3, 900), &messages[2..]),
    ];
    events.extend(receipts.iter().map(|(receipt, _)| receipt.clone()));
    let book = book_of(&events);
    for (receipt, touched) in &receipts {
        assert_eq!(book.touched(0, receipt), **touched, "{receipt:?}");
    }
    assert_eq!(book.touched(0, &delivered(epoch, 1, 1)), [0; 0], "an older receipt says nothing new");
    assert_eq!(states(&book, &events), [ItemState::Read, ItemState::AtPeer, ItemState::AtPeer]);
}

#[test]
fn an_item_says_when_and_over_which_bridges_it_arrived() {
    let (mut events, epoch) = history(3);
    events.extend([delivered(epoch, 1, 500), delivered(epoch, 3, 900)]);
    let items = items(&book_of(&events), &events);
    assert_eq!(items.iter().map(|item| item.state_at_ms).collect::<Vec<_>>(), [500, 900, 900]);
    assert_eq!(items[0].via, [id(9)]);
    assert_eq!(items[2].text.as_deref(), Some("m2"));
}

#[test]
fn what_was_deleted_is_not_there_any_more_and_what_comes_after_is() {
    let (mut events, epoch) = history(2);
    let deleted = ConversationDeleted { peer: id(2).to_bytes() };
    events.push(event::new(0, Kind::ConversationDeleted(deleted)));
    let receipt = delivered(epoch, 2, 500);
    events.push(receipt.clone());
    let (later, _) = history(1);
    events.extend(later);
    let book = book_of(&events);
    assert_eq!(book.touched(0, &receipt), [0; 0]);
    let items = items(&book, &events);
    assert_eq!(items.iter().filter_map(|item| item.text.as_deref()).collect::<Vec<_>>(), ["m0"]);
    assert_eq!(book.messages(id(2)), [items[0].position]);
    assert_eq!(book.last(10), [items[0].position]);
}
