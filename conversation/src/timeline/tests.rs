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
        core.handle(Input::Send { request, to: id(2), text: format!("m{request}") }, 100, &mut out);
    }
    let record = |output| match output {
        Output::Append(record) => event::decode(record).ok(),
        _ => None,
    };
    (out.into_iter().filter_map(record).collect(), core.epoch())
}

fn states(timeline: &Timeline, events: &[Event]) -> Vec<ItemState> {
    let items = events.iter().enumerate().filter_map(|(at, event)| timeline.item(at as u64, event));
    items.map(|item| item.state).collect()
}

fn delivered(epoch: Epoch, through: u64, at_ms: u64) -> Event {
    let (peer, epoch, via) = (id(2).to_bytes(), epoch.to_bytes(), vec![id(9).to_bytes()]);
    event::new(0, Kind::DeliveredThere(DeliveredThere { peer, epoch, through, at_ms, via }))
}

#[test]
fn receipts_change_exactly_the_messages_they_cover() {
    let (mut events, epoch) = history(3);
    let mut timeline = Timeline::default();
    let told: Vec<_> =
        events.iter().enumerate().flat_map(|(at, event)| timeline.push(at as u64, event)).collect();
    assert_eq!(told.len(), 3);
    events.push(delivered(epoch, 2, 500));
    assert_eq!(timeline.push(99, events.last().unwrap()), told[..2]);
    assert_eq!(states(&timeline, &events), [ItemState::AtPeer, ItemState::AtPeer, ItemState::Queued]);
    let read = ReadThere { peer: id(2).to_bytes(), epoch: epoch.to_bytes(), through: 1, at_ms: 700 };
    assert_eq!(timeline.push(100, &event::new(0, Kind::ReadThere(read))), told[..1]);
    assert_eq!(timeline.push(101, &delivered(epoch, 3, 900)), told[2..]);
    assert_eq!(states(&timeline, &events), [ItemState::Read, ItemState::AtPeer, ItemState::AtPeer]);
}

#[test]
fn an_item_says_when_and_over_which_bridges_it_arrived() {
    let (events, epoch) = history(3);
    let mut timeline = Timeline::default();
    for (at, event) in events.iter().enumerate() {
        timeline.push(at as u64, event);
    }
    timeline.push(97, &delivered(epoch, 1, 500));
    timeline.push(98, &delivered(epoch, 3, 900));
    let items: Vec<_> =
        events.iter().enumerate().filter_map(|(at, event)| timeline.item(at as u64, event)).collect();
    assert_eq!(items.iter().map(|item| item.state_at_ms).collect::<Vec<_>>(), [500, 900, 900]);
    assert_eq!(items[0].via, [id(9)]);
    assert_eq!(items[2].text.as_deref(), Some("m2"));
}
