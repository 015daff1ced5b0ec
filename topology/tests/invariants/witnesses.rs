//! What a log says of logs: how far its owner holds those of its neighbours, and what its own folds to.

use std::time::Duration;

use bytes::Bytes;
use prost::Message as _;
use proto::log::v1::{Checkpoint, HeadsSeen, Kind, Segment};
use topology::{
    Entry, Event, LinkId, Warning,
    limits::{CHECKPOINT_EVERY, WITNESS_INTERVAL},
    simulator::{Forger, Lone},
};

fn own_entries(lone: &Lone) -> Vec<Entry> {
    let id = lone.core.id();
    lone.history.logs().into_iter().find(|(log, _)| log.owner == id).unwrap().1
}

/// The own events of a kind.
fn own(lone: &Lone, kind: Kind) -> Vec<Event> {
    let events = own_entries(lone).into_iter().map(|entry| Event::decode(&entry.event).unwrap());
    events.filter(|event| event.known_kind() == Some(kind)).collect()
}

fn linked() -> (Lone, LinkId, Forger) {
    let mut lone = Lone::new(1);
    let mut neighbour = Forger::new(1, 1);
    neighbour.link_up(lone.core.id());
    let link = lone.link(neighbour.id());
    lone.take(link, &neighbour);
    (lone, link, neighbour)
}

/// The neighbour's last event comes.
fn show(lone: &mut Lone, link: LinkId, neighbour: &Forger) {
    let last = neighbour.entries.len() as u64;
    lone.segment(link, neighbour.segment(last, last));
}

#[test]
fn a_neighbours_head_is_witnessed_at_most_once_in_the_interval_and_at_last() {
    let (mut lone, link, mut neighbour) = linked();
    let intervals = 4;
    for number in 0..intervals * WITNESS_INTERVAL.as_secs() {
        neighbour.link_up(Forger::new(100 + number, 1).id());
        show(&mut lone, link, &neighbour);
        lone.pass(Duration::from_secs(1));
    }
    let seen = own(&lone, Kind::HeadsSeen);
    assert_eq!(seen.len() as u64, intervals);
    let interval = u64::try_from(WITNESS_INTERVAL.as_millis()).unwrap();
    let apart = seen.windows(2).map(|pair| pair[1].time.millis() - pair[0].time.millis());
    assert!(apart.clone().all(|ms| ms >= interval), "{:?}", apart.collect::<Vec<_>>());
    // What was said last is witnessed, too; and then nothing more is to be said.
    lone.pass(WITNESS_INTERVAL * 5);
    let seen = own(&lone, Kind::HeadsSeen);
    assert!(seen.len() as u64 <= intervals + 1, "{} times", seen.len());
    let heads = HeadsSeen::decode(seen.last().unwrap().payload.clone()).unwrap().heads;
    let head = neighbour.head(neighbour.entries.len() as u64);
    assert_eq!(heads, [head.to_proto()]);
}

/// Two bridges that witness each other would never come to an end.
#[test]
fn what_a_neighbour_says_of_logs_is_not_witnessed() {
    let (mut lone, link, mut neighbour) = linked();
    lone.pass(WITNESS_INTERVAL * 3);
    let before = own(&lone, Kind::HeadsSeen).len();
    assert_eq!(before, 1, "its start and its link");
    for _ in 0..3 {
        neighbour.write(Kind::HeadsSeen, &HeadsSeen { heads: vec![neighbour.head(1).to_proto()] });
        show(&mut lone, link, &neighbour);
        lone.pass(WITNESS_INTERVAL * 3);
    }
    assert_eq!(own(&lone, Kind::HeadsSeen).len(), before);
}

/// The own log as neighbours get it: in segments of a batch each.
fn segments(lone: &Lone) -> Vec<Segment> {
    let log = lone.core.view().own().unwrap();
    let (mut previous, mut first, mut events) = (vec![0; 32], 1, Vec::new());
    let mut segments = Vec::new();
    for entry in own_entries(lone) {
        events.push(entry.event);
        if entry.signature.is_empty() {
            continue;
        }
        let count = events.len() as u64;
        segments.push(Segment {
            owner: lone.core.id().to_bytes(),
            epoch: log.epoch.to_bytes(),
            first,
            previous: Bytes::from(std::mem::replace(&mut previous, entry.hash.to_vec())),
            events: std::mem::take(&mut events),
            signature: entry.signature,
        });
        first += count;
    }
    segments
}

#[test]
fn a_checkpoint_follows_after_its_number_of_own_events_and_others_agree() {
    let mut lone = Lone::new(1);
    (0..2 * CHECKPOINT_EVERY).for_each(|number| lone.see(Lone::peer(number)));
    let at: Vec<u64> = own(&lone, Kind::Checkpoint).iter().map(|event| event.sequence).collect();
    assert_eq!(at, [CHECKPOINT_EVERY + 1, 2 * (CHECKPOINT_EVERY + 1)]);
    let mut other = Lone::new(2);
    let link = other.link(lone.core.id());
    segments(&lone).into_iter().for_each(|segment| other.segment(link, segment));
    assert_eq!(other.core.view().root(&lone.core.id()), lone.core.view().root(&lone.core.id()));
    assert_eq!(other.warnings, [], "the roots are those of the events before");
}

#[test]
fn a_checkpoint_with_a_false_root_is_named() {
    let (mut lone, link, mut neighbour) = linked();
    let say = |lone: &mut Lone, neighbour: &mut Forger| {
        for _ in 0..CHECKPOINT_EVERY / 2 {
            neighbour.link_up(Forger::new(7, 1).id());
            show(lone, link, neighbour);
        }
    };
    say(&mut lone, &mut neighbour);
    let root = Bytes::copy_from_slice(&lone.core.view().root(&neighbour.id()).unwrap());
    neighbour.write(Kind::Checkpoint, &Checkpoint { root: root.clone(), chunks: Vec::new() });
    show(&mut lone, link, &neighbour);
    assert_eq!(lone.warnings, [], "it is the root of what was before");
    neighbour.link_down(Forger::new(7, 1).id());
    show(&mut lone, link, &neighbour);
    say(&mut lone, &mut neighbour);
    neighbour.link_down(Forger::new(7, 1).id());
    show(&mut lone, link, &neighbour);
    // The link is down now.
    neighbour.write(Kind::Checkpoint, &Checkpoint { root, chunks: Vec::new() });
    show(&mut lone, link, &neighbour);
    let sequence = neighbour.entries.len() as u64;
    let named = Warning::Checkpoint { log: neighbour.log, sequence };
    assert_eq!(lone.warnings, std::slice::from_ref(&named));
    assert!(named.to_string().contains("does not match the events before it"), "{named}");
    assert!(lone.closed.is_empty(), "it is a fault of its software or disk, and no lie over this link");
    assert_eq!(lone.held(&neighbour.log).unwrap().sequence, sequence, "the event itself is taken");
}
