//! What survives a restart.

use std::collections::BTreeMap;

use proto::bridge::v1::{Refusal, follow_event::Kind};
use storage::{Options, Store};

use crate::support::{FakePeer, Node, eventually, linked_pair};

/// The stored logs by name, each with its records.
fn stored(data: &std::path::Path) -> BTreeMap<String, Vec<bytes::Bytes>> {
    let store = Store::open(data.join("store"), Options::default()).unwrap();
    let mut logs = BTreeMap::new();
    for name in store.logs("log/") {
        let records = store.log(&name).unwrap().iter().map(|record| record.unwrap().1).collect();
        logs.insert(name, records);
    }
    store.close();
    logs
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_keeps_every_log_and_folds_it_again() {
    let (home, cloud) = linked_pair().await;
    let mut anna = FakePeer::new("anna");
    anna.register(&home).await;
    eventually("peer", async || cloud.state_of(anna.id()).await.filter(|(state, _)| state == "online")).await;
    let (home_id, epoch) = (home.id(), home.status().await.epoch);
    let home_data = home.stop().await;
    let network = cloud.bridge.network().clone();
    let cloud_data = cloud.stop().await;
    let before = stored(cloud_data.path());
    assert!(before.len() >= 2, "its own and the other's: {:?}", before.keys());

    let cloud = Node::start_on(cloud_data, "cloud").await;
    assert_eq!(*cloud.bridge.network(), network);
    assert_ne!(cloud.status().await.epoch, epoch);
    // The other bridge is gone; what it last said is known still.
    let (state, reason) = cloud.state_of(home_id).await.unwrap();
    assert!(state == "left" || state == "unreachable", "{state}: {reason}");
    let answer = cloud.explain(anna.id()).await;
    assert_ne!(answer.refusal(), Refusal::UnknownPeer, "{}", answer.sentence);
    let after = stored(cloud.stop().await.path());
    for (name, records) in before {
        assert_eq!(after[&name], records, "{name}");
    }
    drop(home_data);
}

#[tokio::test(flavor = "multi_thread")]
async fn following_resumes_after_the_bridge_restarts() {
    let (home, cloud) = linked_pair().await;
    let (mut anna, mut ben) = (FakePeer::new("anna"), FakePeer::new("ben"));
    ben.register(&cloud).await;
    let mut follower = ben.follow(&cloud).await;
    anna.register(&home).await;
    follower.until_peer(anna.id()).await;

    let url = home.url();
    let cloud = cloud.restart_with(|config| config.links = vec![url]).await;
    // The old stream ends; the new one tells everything again.
    while let Ok(kind) = follower.next().await {
        assert!(matches!(kind, Kind::Draining(_) | Kind::Gone(_) | Kind::Peer(_) | Kind::Synced(_)));
    }
    ben.register(&cloud).await;
    anna.register(&home).await;
    ben.follow(&cloud).await.until_peer(anna.id()).await;
    home.stop().await;
    cloud.stop().await;
}
