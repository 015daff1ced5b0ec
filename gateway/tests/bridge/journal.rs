//! A journal, replayed, gives the own log again.

use std::sync::Arc;

use storage::{Options, Store};
use topology::{Entry, journal::Replay};

use crate::support::{FakePeer, eventually, linked_pair};

#[tokio::test(flavor = "multi_thread")]
async fn a_replayed_journal_gives_the_own_log_byte_for_byte_over_two_runs() {
    let (home, cloud) = linked_pair().await;
    let (mut anna, mut ben) = (FakePeer::new("anna"), FakePeer::new("ben"));
    anna.register(&home).await;
    ben.register(&cloud).await;
    eventually("peer", async || home.state_of(ben.id()).await).await;
    anna.goodbye(&home).await;
    let url = cloud.url();
    let home = home.restart_with(|config| config.links = vec![url]).await;
    home.wait_for_links(1).await;
    anna.register(&home).await;
    eventually("peer", async || cloud.state_of(anna.id()).await).await;
    let id = home.id();
    let data = home.stop().await;
    cloud.stop().await;

    let key = identity::keyfile::load(data.path()).unwrap();
    let store = Store::open(data.path().join("store"), Options::default()).unwrap();
    let mut replay = Replay::new(Arc::new(key));
    for record in store.log("journal").unwrap().iter() {
        replay.record(record.unwrap().1).unwrap();
    }
    let replayed: Vec<_> = replay.logs().into_iter().filter(|(log, _)| log.owner == id).collect();
    assert_eq!(replayed.len(), 2, "one log for each run");
    for (log, entries) in replayed {
        let name = format!("log/{}/{}", log.owner, log.epoch);
        let stored: Vec<Entry> = store
            .log(&name)
            .unwrap()
            .iter()
            .map(|record| Entry::decode(record.unwrap().1).unwrap())
            .collect();
        assert!(stored.len() >= 4, "{} events", stored.len());
        assert_eq!(entries, stored);
    }
}
