//! Looking back at a long history: snapshots on the disk, and the same answers with and without them.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use gateway::past::{import, open_directory, open_file};
use identity::NodeKey;
use proto::{
    log::v1::How,
    topology::v1::{
        LogsRequest, RangeRequest, State, StateAtRequest, VerifyRequest, WatchRequest,
        topology_client::TopologyClient,
    },
};
use runtime::TaskGroup;
use storage::{Options, Store};
use tempfile::TempDir;
use tonic::transport::Channel;
use topology::{MemoryHistory, past::export::Writer, simulator::Forger};

use crate::support::{LIMIT, Node};

/// More than two snapshots' worth.
const EVENTS: u64 = 40_000;

/// A file with the log of a bridge whose link comes and goes, and whose peers do.
fn exported(folder: &Path) -> PathBuf {
    let mut forger = Forger::new(1, 1);
    let (id, network) = (forger.id(), forger.network.clone());
    let other = Forger::new(2, 1).id();
    for number in 2..=EVENTS {
        match number % 500 {
            0 => {
                forger.claim(number, How::Registered, &[id], &network);
            }
            even if even % 2 == 0 => forger.link_up(other),
            _ => forger.link_down(other),
        }
    }
    write(&forger, &folder.join("long.causeway"))
}

/// The log of a forger as an exported file.
fn write(forger: &Forger, path: &Path) -> PathBuf {
    let history = MemoryHistory::default();
    history.store(forger.log, 1, &forger.stored());
    let mut file = Vec::new();
    let put = |piece: Bytes| {
        file.extend_from_slice(&piece);
        Ok::<(), ()>(())
    };
    Writer::new(&history, &NodeKey::generate()).write(1, "test", put).unwrap();
    std::fs::write(path, file).unwrap();
    path.to_owned()
}

/// The state of the long log alone at some instants of it.
async fn states(channel: Channel) -> Vec<State> {
    let mut past = TopologyClient::new(channel).max_decoding_message_size(64 << 20);
    let logs = past.logs(LogsRequest {}).await.unwrap().into_inner().logs;
    let long = logs.into_iter().find(|log| log.events == EVENTS).expect("the long log is there");
    let mut states = Vec::new();
    for share in 0..=20 {
        let at = long.first + (long.last - long.first) / 20 * share;
        let request = StateAtRequest { at, ..StateAtRequest::default() };
        let mut state = past.state_at(request).await.unwrap().into_inner();
        // The bridge's own log began long after.
        state.bridges.retain(|bridge| bridge.node_id == long.owner);
        state.from = Bytes::new();
        state.peers.iter_mut().for_each(|peer| peer.route = None);
        states.push(state);
    }
    states
}

#[tokio::test(flavor = "multi_thread")]
async fn snapshots_on_the_disk_give_the_same_answers() {
    let folder = tempfile::tempdir().unwrap();
    let file = exported(folder.path());
    let group = TaskGroup::new();
    let plain = states(open_file(&file, true).unwrap().serve_here(&group).await.unwrap()).await;
    assert!(plain.iter().any(|state| !state.peers.is_empty()) && plain[0].peers.is_empty());

    let data = TempDir::new().unwrap();
    let (taken, notes) = import(data.path(), &file).unwrap();
    assert_eq!((taken, notes), (EVENTS, Vec::new()));
    assert_eq!(import(data.path(), &file).unwrap().0, 0, "what is there is not taken twice");

    // The first start folds everything and keeps snapshots, the second begins with them.
    let node = Node::start_on(data, "attic").await;
    assert_eq!(states(node.local().await).await, plain);
    let data = node.stop().await;
    let store = Store::open(data.path().join("store"), Options::default()).unwrap();
    let snapshots = store.logs("fold/");
    assert_eq!(snapshots.len(), 1, "{snapshots:?}");
    assert!(store.log(&snapshots[0]).unwrap().len() >= 4, "two snapshots at least");
    store.close();
    let node = Node::start_on(data, "attic").await;
    let channel = node.local().await;
    assert_eq!(states(channel.clone()).await, plain);
    let verified = TopologyClient::new(channel).verify(VerifyRequest {}).await.unwrap().into_inner();
    assert!(verified.good && verified.events > EVENTS, "{verified:?}");

    let data = node.stop().await;
    let stopped = open_directory(data.path()).unwrap().serve_here(&group).await.unwrap();
    assert_eq!(states(stopped).await, plain);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_contradicts_the_one_that_is_there_is_not_imported() {
    let folder = tempfile::tempdir().unwrap();
    let with_peers = |peers: u64, name: &str| {
        let mut forger = Forger::new(1, 1);
        let (id, network) = (forger.id(), forger.network.clone());
        for number in 0..peers {
            forger.claim(7 * number + peers, How::Registered, &[id], &network);
        }
        write(&forger, &folder.path().join(name))
    };
    let (one, other) = (with_peers(3, "one"), with_peers(4, "other"));
    let data = TempDir::new().unwrap();
    import(data.path(), &one).unwrap();
    let refused = import(data.path(), &other).unwrap_err().to_string();
    assert!(refused.contains("they differ at event 2"), "{refused}");
    assert_eq!(import(data.path(), &one).unwrap().0, 0, "what was there is still there");
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_who_do_not_read_hold_up_nobody_who_asks() {
    let folder = tempfile::tempdir().unwrap();
    let data = TempDir::new().unwrap();
    import(data.path(), &exported(folder.path())).unwrap();
    let node = Node::start_on(data, "attic").await;
    let mut readers = Vec::new();
    for number in 0..16 {
        let mut past = TopologyClient::new(node.local().await);
        readers.push(if number % 2 == 0 {
            past.range(RangeRequest::default()).await.unwrap().into_inner()
        } else {
            past.watch(WatchRequest::default()).await.unwrap().into_inner()
        });
    }
    // Each has the first event, so it is under way, and more than its connection takes is to come.
    for reader in &mut readers {
        assert!(reader.message().await.unwrap().is_some());
    }
    let mut past = TopologyClient::new(node.local().await);
    let asked = tokio::time::timeout(LIMIT, past.state_at(StateAtRequest::default()));
    assert!(asked.await.expect("nobody answers").is_ok());
    // And whoever reads on gets all of it, in its order.
    let mut last = 0;
    let mut count = 1;
    while let Some(event) = readers[0].message().await.unwrap() {
        assert!(event.time >= last, "event {} came after {last}", event.id);
        last = event.time;
        count += 1;
    }
    assert!(count >= EVENTS, "{count} events came");
}
