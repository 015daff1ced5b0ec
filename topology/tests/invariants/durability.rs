//! Only what is durable is told: an event that a crash would undo must not be known anywhere else.

use std::time::Duration;

use bytes::Bytes;
use proto::link::v1::{Compare, Frame, Seek, Want, WantLog, frame::Kind};
use topology::{
    Input, LinkId, LogId,
    simulator::{Forger, Lone},
};

/// How a neighbour comes to know of events.
#[derive(Debug, PartialEq)]
enum Way {
    Segment,
    Have,
    Digest,
}

/// A core with three neighbours, whose logs it holds.
fn linked() -> (Lone, Vec<(LinkId, Forger)>) {
    let mut lone = Lone::new(1);
    let neighbours = (1..=3).map(|number| {
        let mut neighbour = Forger::new(number, 1);
        neighbour.link_up(lone.core.id());
        let link = lone.link(neighbour.id());
        lone.take(link, &neighbour);
        (link, neighbour)
    });
    let neighbours = neighbours.collect();
    lone.pass(Duration::from_secs(1));
    (lone, neighbours)
}

fn give(lone: &mut Lone, link: LinkId, kind: Kind) {
    lone.input(Input::Frame { link, frame: Frame { kind: Some(kind) } });
}

fn ask(lone: &mut Lone, link: LinkId, log: LogId, (from, follow): (u64, bool)) {
    let want = WantLog { owner: log.owner.to_bytes(), epoch: log.epoch.to_bytes(), from, follow };
    give(lone, link, Kind::Want(Want { logs: vec![want] }));
}

/// What a neighbour was told of a log, each time up to which event.
fn told(lone: &Lone, to: LinkId, log: LogId) -> Vec<(Way, u64)> {
    let (owner, epoch) = (log.owner.to_bytes(), log.epoch.to_bytes());
    let of = |kind: &Kind| match kind {
        Kind::Segment(it) if (&it.owner, &it.epoch) == (&owner, &epoch) => {
            Some((Way::Segment, it.first + it.events.len() as u64 - 1))
        }
        Kind::Have(have) => {
            let held = have.held.iter().find(|it| (&it.owner, &it.epoch) == (&owner, &epoch));
            held.map(|held| (Way::Have, held.last))
        }
        Kind::Digest(digest) => {
            let held = digest.held.iter().find(|it| (&it.owner, &it.epoch) == (&owner, &epoch));
            held.map(|held| (Way::Digest, held.last))
        }
        _ => None,
    };
    let frames = lone.sent.iter().filter(|(link, _)| *link == to);
    frames.filter_map(|(_, frame)| of(frame.kind.as_ref()?)).collect()
}

/// Of two neighbours that hold a log so far, one follows it. While the disk takes its time, neither is told of what `say`
/// adds to the log, whatever they ask; afterwards one gets it, and the other hears of it.
fn is_told_once_it_is_durable(mut lone: Lone, log: LogId, links: [LinkId; 2], say: impl FnOnce(&mut Lone)) {
    let head = lone.held(&log).unwrap().sequence;
    let [follower, listener] = links;
    ask(&mut lone, follower, log, (1, true));
    ask(&mut lone, listener, log, (1, false));
    for link in links {
        assert!(told(&lone, link, log).contains(&(Way::Segment, head)), "{link:?} has what is durable");
    }
    lone.stalled = true;
    lone.sent.clear();
    say(&mut lone);
    for link in links {
        ask(&mut lone, link, log, (head + 1, link == follower));
        give(&mut lone, link, Kind::Seek(Seek { owners: vec![log.owner.to_bytes()] }));
        let buckets = Bytes::from_static(&[0; 16 * topology::limits::COMPARE_BUCKETS]);
        give(&mut lone, link, Kind::Compare(Compare { buckets }));
    }
    lone.pass(Duration::from_secs(30));
    for link in links {
        let news = told(&lone, link, log);
        assert!(news.iter().all(|(_, last)| *last <= head), "{link:?} is told {news:?} after event {head}");
        assert!(news.contains(&(Way::Digest, head)), "the comparison is answered");
    }
    lone.sent.clear();
    lone.flush();
    lone.pass(Duration::from_secs(1));
    assert_eq!(told(&lone, follower, log).first(), Some(&(Way::Segment, head + 1)));
    assert_eq!(told(&lone, listener, log).first(), Some(&(Way::Have, head + 1)));
}

#[test]
fn own_events_are_told_once_they_are_durable() {
    let (lone, neighbours) = linked();
    let log = LogId { owner: lone.core.id(), epoch: lone.core.view().own().unwrap().epoch };
    is_told_once_it_is_durable(lone, log, [neighbours[0].0, neighbours[1].0], |lone| {
        lone.see(Lone::peer(1));
        let own = lone.core.view().own().unwrap();
        assert_eq!(own.head, own.durable + 1);
    });
}

#[test]
fn a_neighbours_events_are_passed_on_once_they_are_durable() {
    let (lone, neighbours) = linked();
    let (link, mut neighbour) = neighbours[2].clone();
    let log = neighbour.log;
    is_told_once_it_is_durable(lone, log, [neighbours[0].0, neighbours[1].0], |lone| {
        neighbour.link_up(Forger::new(9, 1).id());
        let last = neighbour.entries.len() as u64;
        lone.segment(link, neighbour.segment(last, last));
        assert!(lone.core.counts().unstored_bytes > 0);
    });
}
