//! Checkpoints of a small history with an event of every kind.

use identity::NodeId;
use proto::history::v1::{self as history, event::Kind};

use super::*;
use crate::{Conversation, Input, Output, event};

fn id(byte: u8) -> NodeId {
    NodeId::from_bytes([byte; 32])
}

/// What a message of `from` to `to` is stored as by its sender.
fn message(from: u8, to: u8) -> (history::MessageOut, Vec<Event>) {
    let mut core = Conversation::new(id(from), [from; 32]);
    let mut out = Vec::new();
    let send =
        Input::Send { request: 1, to: id(to), text: "hello".into(), once: Bytes::from_static(b"once") };
    core.handle(send, 100, &mut out);
    let events: Vec<_> = out
        .into_iter()
        .filter_map(|output| match output {
            Output::Append(record) => event::decode(record).ok(),
            _ => None,
        })
        .collect();
    let message = events.iter().find_map(|event| match &event.kind {
        Some(Kind::MessageOut(message)) => Some(message.clone()),
        _ => None,
    });
    (message.unwrap(), events)
}

fn events() -> Vec<Event> {
    let (sent, mut events) = message(1, 2);
    let (theirs, _) = message(3, 1);
    let (out_id, _) = crate::envelope::decode(&sent.envelope).unwrap();
    let (in_id, _) = crate::envelope::decode(&theirs.envelope).unwrap();
    let (two, three, through) = (id(2).to_bytes(), id(3).to_bytes(), 1);
    let (epoch, in_epoch, at_ms, via) =
        (out_id.epoch.to_bytes(), in_id.epoch.to_bytes(), 700, vec![id(9).to_bytes()]);
    let (name, reason) = ("ben".to_owned(), "no".to_owned());
    let kinds = [
        Kind::MessageIn(history::MessageIn {
            envelope: theirs.envelope,
            hash: theirs.hash,
            via: via.clone(),
        }),
        Kind::DeliveredThere(history::DeliveredThere {
            peer: two.clone(),
            epoch: epoch.clone(),
            through,
            at_ms,
            via,
        }),
        Kind::ReadThere(history::ReadThere { peer: two.clone(), epoch: epoch.clone(), through, at_ms }),
        Kind::ReadHere(history::ReadHere { peer: three.clone(), epoch: in_epoch.clone(), through }),
        Kind::ContactPinned(history::ContactPinned { peer: three.clone(), name: name.clone() }),
        Kind::NameSeen(history::NameSeen { peer: two.clone(), name: name.clone() }),
        Kind::NameClash(history::NameClash { contact: two.clone(), other: three.clone(), name }),
        Kind::ConflictSeen(history::ConflictSeen {
            peer: three.clone(),
            epoch: in_epoch,
            sequence: 1,
            own: false,
            reason: reason.clone(),
        }),
        Kind::Refused(history::Refused { peer: two.clone(), epoch: epoch.clone(), sequence: 1, reason }),
        Kind::Behind(history::Behind { peer: two.clone(), epoch, ours: 1, theirs: 5 }),
        Kind::Verified(history::Verified { peer: two.clone(), verified: true }),
        Kind::Blocked(history::Blocked { peer: two, blocked: true }),
        Kind::ConversationDeleted(history::ConversationDeleted { peer: three }),
    ];
    events.extend(kinds.map(|kind| event::new(100, kind)));
    events
}

fn folded(events: &[Event]) -> Folded {
    let mut folded = Folded::default();
    (1..).zip(events).for_each(|(position, event)| folded.push(position, event));
    folded
}

/// The log of such a history.
fn record(events: &[Event]) -> impl Fn(u64) -> Option<Bytes> {
    let records: Vec<_> = events.iter().map(event::encode).collect();
    move |position| records.get(usize::try_from(position).ok()?.checked_sub(1)?).cloned()
}

#[test]
fn what_comes_after_a_checkpoint_folds_to_the_same_as_everything() {
    let events = events();
    let record = record(&events);
    let whole = folded(&events).checkpoint(b"end");
    for kept in 1..=events.len() {
        let bytes = folded(&events[..kept]).checkpoint(&record(kept as u64).unwrap());
        let mut again = Folded::restore(&bytes, &record).unwrap();
        for (position, event) in (1..).zip(&events).skip(kept) {
            again.push(position, event);
        }
        assert!(again.checkpoint(b"end") == whole, "a checkpoint at {kept}");
    }
}

#[test]
fn a_checkpoint_that_is_damaged_or_of_another_log_is_not_taken() {
    let events = events();
    let record = record(&events);
    let last = events.len() as u64;
    let bytes = folded(&events).checkpoint(&record(last).unwrap());
    assert!(Folded::restore(&bytes, &record).is_some());
    assert!(Folded::restore(&bytes, |_| None).is_none(), "a log that lost its end");
    assert!(Folded::restore(&bytes, |_| record(1)).is_none(), "a log that says something else there");
    for length in 0..bytes.len() {
        assert!(Folded::restore(&bytes[..length], &record).is_none(), "cut to {length}");
    }
    for place in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[place] ^= 1;
        assert!(Folded::restore(&changed, &record).is_none(), "byte {place} changed");
    }
}

#[test]
fn a_changed_fold_has_a_new_form() {
    let events = events();
    let bytes = folded(&events).checkpoint(b"end");
    let digest = blake3::hash(&bytes).to_hex();
    assert_eq!(
        (FORM, &digest[..16]),
        (1, "ff84bdd606f9584e"),
        "events fold to something else than before, or are kept in another way: raise FORM, and put both numbers here"
    );
}
