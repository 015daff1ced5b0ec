//! Order does not matter: neither in which bridge the logs are, nor from where they are read.

use bytes::Bytes;
use identity::NodeKey;
use proptest::prelude::*;
use topology::{
    past::export::{ExportedLogs, Writer},
    simulator::Settings,
};

use crate::histories::{
    BRIDGES, Step, all_answers, archive, difference, events, lived, lived_with, past, state_at_event,
};

pub(crate) fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..BRIDGES, 1..4_u64).prop_map(|(bridge, number)| Step::Join(bridge, number)),
        (0..BRIDGES, 1..4_u64).prop_map(|(bridge, number)| Step::Leave(bridge, number)),
        (0..BRIDGES).prop_map(Step::Cut),
        (0..BRIDGES).prop_map(Step::Heal),
        (0..BRIDGES).prop_map(Step::Restart),
        (1..30_u64).prop_map(Step::Pass),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn every_bridge_and_a_file_give_the_same_answers(
        seed in any::<u64>(),
        steps in prop::collection::vec(step(), 4..14),
    ) {
        let simulation = lived(seed, &steps);
        let first = archive(&simulation, 0);
        let answers = all_answers(past(&first));
        for node in 1..BRIDGES {
            let others = all_answers(past(&archive(&simulation, node)));
            prop_assert_eq!(difference(&answers, &others), None, "bridge {}", node);
        }
        let mut file = Vec::new();
        let put = |piece: Bytes| { file.extend_from_slice(&piece); Ok::<(), ()>(()) };
        Writer::new(&first, &NodeKey::generate()).write(1, "test", put).unwrap();
        let read = ExportedLogs::read(&file.into());
        prop_assert_eq!(difference(&answers, &all_answers(past(&read))), None);
    }

    #[test]
    fn snapshots_change_neither_what_a_bridge_does_after_a_restart_nor_any_answer(
        seed in any::<u64>(),
        every in 1..4_u64,
        steps in prop::collection::vec(step(), 4..14),
    ) {
        let answers = all_answers(past(&archive(&lived(seed, &steps), 0)));
        let settings = Settings { bridges: BRIDGES, seed, snapshot_every: every, ..Settings::default() };
        let simulation = lived_with(settings, &steps);
        for node in &simulation.nodes {
            prop_assert!(node.disk.snapshots() > 0);
            prop_assert_eq!(difference(&answers, &all_answers(past(&node.disk))), None, "every {}", every);
        }
    }

    #[test]
    fn a_state_holds_what_happened_up_to_its_event_and_nothing_later(
        seed in any::<u64>(),
        steps in prop::collection::vec(step(), 4..10),
    ) {
        let simulation = lived(seed, &steps);
        let whole = archive(&simulation, 0);
        let ids = events(past(&whole));
        for (index, id) in ids.iter().enumerate() {
            let (log, sequence) = past(&whole).event(id).unwrap();
            let early = past_until(&whole, &ids[..=index]);
            let state = state_at_event(past(&whole), id);
            prop_assert_eq!(&state, &state_at_event(past(&early), id), "at {}", id);
            let bridge = state.bridges.iter().find(|bridge| bridge.node_id == log.owner.to_bytes()).unwrap();
            prop_assert_eq!(bridge.sequence, sequence);
        }
    }
}

/// The logs as they were when nothing but these events had happened.
fn past_until(whole: &topology::MemoryHistory, ids: &[String]) -> topology::MemoryHistory {
    let mut held = std::collections::BTreeMap::new();
    for id in ids {
        let (log, sequence) = past(whole).event(id).unwrap();
        held.insert(log, sequence);
    }
    let early = topology::MemoryHistory::default();
    for (log, through) in held {
        let entries = topology::History::read(whole, &log, 1, usize::try_from(through).unwrap(), usize::MAX);
        early.store(log, 1, &entries);
    }
    early
}
