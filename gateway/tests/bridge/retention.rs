//! What is older than is kept goes, and nobody misses it.

use std::time::Duration;

use gateway::Retention;
use proto::topology::v1::{VerifyRequest, VerifyResponse, topology_client::TopologyClient};

use crate::support::{FakePeer, Node, eventually, linked_pair};

const KEEP: Duration = Duration::from_secs(3);

async fn verified(node: &Node) -> VerifyResponse {
    TopologyClient::new(node.local().await).verify(VerifyRequest {}).await.unwrap().into_inner()
}

/// Somebody comes and goes: two events.
async fn pass(node: &Node) {
    let mut somebody = FakePeer::new("somebody");
    somebody.register(node).await;
    somebody.goodbye(node).await;
}

/// A bridge that keeps little, linked with one that keeps everything.
async fn forgetful_pair() -> (Node, Node) {
    let (home, cloud) = linked_pair().await;
    let url = cloud.url();
    let retention = Retention { keep: KEEP, renew: Duration::from_millis(700) };
    let home = home
        .restart_with(|config| {
            config.links = vec![url];
            config.retain = Some(retention);
            config.retain_journal = Some(KEEP);
        })
        .await;
    home.wait_for_links(1).await;
    (home, cloud)
}

/// Status and metrics say how much there is, and since when.
async fn assert_shown(home: &Node, cloud: &Node, began: &str) {
    let status = eventually("a look at the disk", async || {
        pass(home).await;
        let status = home.status().await;
        (status.journal_since.as_str() > began && status.logs_bytes > 0).then_some(status)
    })
    .await;
    assert_eq!((status.retain_ms, status.retain_journal_ms), (3_000, 3_000));
    assert!(status.journal_bytes > 0 && !status.logs_since.is_empty());
    assert!(home.metric("causeway_bridge_logs_bytes").await > 0);
    assert!(home.metric("causeway_bridge_journal_bytes").await > 0);
    assert!(home.metric("causeway_bridge_logs_oldest_timestamp_seconds").await > 1_700_000_000);
    assert!(home.metric("causeway_bridge_journal_oldest_timestamp_seconds").await > 1_700_000_000);
    // The other one keeps everything, and neither takes the other for a liar or sends what was sent.
    let kept = cloud.status().await;
    assert_eq!((kept.retain_ms, kept.retain_journal_ms), (0, 0));
    for status in [&kept, &status] {
        // What the kernel gives for buffers is the machine's.
        let of_others = status.warnings.iter().filter(|warning| !warning.contains("socket buffers"));
        assert_eq!(of_others.count(), 0, "{status:?}");
    }
    for node in [home, cloud] {
        let text = node.http("/metrics").await;
        assert!(text.contains("causeway_bridge_core{what=\"segments_invalid\"} 0"), "{text}");
        node.wait_for_links(1).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn old_logs_go_while_everybody_stays_reachable_and_what_is_left_is_proven() {
    let (home, cloud) = forgetful_pair().await;
    let (mut anna, mut ben) = (FakePeer::new("anna"), FakePeer::new("ben"));
    anna.register(&home).await;
    ben.register(&cloud).await;
    eventually("anna and ben", async || {
        let anna = cloud.state_of(anna.id()).await?;
        (anna.0 == "online" && home.state_of(ben.id()).await?.0 == "online").then_some(())
    })
    .await;
    let first = verified(&home).await;
    assert!(first.good && first.logs.iter().all(|log| log.begins.is_empty()), "{first:?}");
    let began = home.status().await.started_at;

    let renewals = "causeway_bridge_core{what=\"renewals\"} ";
    let people = tokio::sync::Mutex::new((anna, ben));
    let verified = eventually("logs that went", async || {
        pass(&home).await;
        let mut people = people.lock().await;
        let (anna, ben) = &mut *people;
        anna.register(&home).await;
        ben.register(&cloud).await;
        // Whoever is there is there all the time.
        assert_eq!(cloud.state_of(anna.id()).await.map(|it| it.0).as_deref(), Some("online"));
        assert_eq!(home.state_of(ben.id()).await.map(|it| it.0).as_deref(), Some("online"));
        let verified = verified(&home).await;
        assert!(verified.good, "{verified:?}");
        let gone = home.metric("causeway_bridge_logs_expired_total").await >= 4;
        (gone && verified.logs.iter().any(|log| log.owner == home.id().to_bytes() && !log.begins.is_empty()))
            .then_some(verified)
    })
    .await;
    assert!(verified.logs.len() <= 10, "{verified:?}");
    let text = home.http("/metrics").await;
    let times = text.lines().find_map(|line| line.strip_prefix(renewals)).unwrap();
    assert!(times.parse::<u32>().unwrap() >= 4, "{times}");

    assert_shown(&home, &cloud, &began).await;

    // A start finds what is left, and that it holds.
    let url = cloud.url();
    let home = home.restart_with(|config| config.links = vec![url]).await;
    home.wait_for_links(1).await;
    let again = TopologyClient::new(home.local().await).verify(VerifyRequest {}).await.unwrap().into_inner();
    assert!(again.good, "{again:?}");
    home.stop().await;
    cloud.stop().await;
}
