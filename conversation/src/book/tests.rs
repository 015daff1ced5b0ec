//! The timeline over a small history, made by the machine itself.

use identity::NodeId;
use proto::history::v1::{DeliveredThere, ReadThere};

use super::*;
use crate::{Conversation, Input, MessageId, Output, event};

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

#[test]
fn what_was_deleted_stays_gone_however_often_it_is_numbered_anew() {
    let (mut events, first) = history(2);
    events.push(event::new(0, Kind::ConversationDeleted(ConversationDeleted { peer: id(2).to_bytes() })));
    let mut old = (first, 1);
    for count in 1..3 {
        let epoch = Epoch::derive(&[1; 32], count);
        events.push(numbered_anew(&events, old, epoch));
        old = (epoch, 1);
    }
    let book = book_of(&events);
    assert_eq!(items(&book, &events), []);
    assert_eq!(book.messages(id(2)), [0; 0]);
    assert_eq!(book.touched(0, &delivered(old.0, 1, 500)), [0; 0]);
    // Without the deletion it is shown once, under the number that it has last.
    events.retain(|event| !matches!(event.kind, Some(Kind::ConversationDeleted(_))));
    let book = book_of(&events);
    let shown = items(&book, &events);
    let shown: Vec<_> = shown.iter().filter_map(|item| item.text.as_deref()).collect();
    assert_eq!(shown, ["m1", "m0"]);
}

/// A message of the history as the first one of another epoch.
fn numbered_anew(events: &[Event], (old, sequence): (Epoch, u64), epoch: Epoch) -> Event {
    let outgoing = events.iter().filter_map(|event| match &event.kind {
        Some(Kind::MessageOut(message)) => Some(message),
        _ => None,
    });
    let of_old = |message: &&MessageOut| {
        envelope::id_of(&message.envelope).is_some_and(|it| (it.epoch, it.sequence) == (old, sequence))
    };
    let message = outgoing.into_iter().find(of_old).unwrap();
    let id = MessageId { epoch, sequence: 1, ..envelope::id_of(&message.envelope).unwrap() };
    let message = MessageOut {
        envelope: envelope::renumber(&message.envelope, &id),
        replaces_epoch: old.to_bytes(),
        replaces_sequence: sequence,
        ..message.clone()
    };
    event::new(0, Kind::MessageOut(message))
}
