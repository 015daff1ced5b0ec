//! What a bridge tells Prometheus, and what is made of it.

use std::collections::BTreeSet;

use tokio::{io::AsyncWriteExt as _, net::TcpStream};

use crate::support::{FakePeer, Node, eventually, linked_pair};

#[tokio::test(flavor = "multi_thread")]
async fn metrics_and_health_are_served() {
    let home = Node::start("home").await;
    let mut anna = FakePeer::new("anna");
    anna.register(&home).await;
    assert!(home.http("/healthz").await.starts_with("HTTP/1.1 200"));
    eventually("metric", async || {
        let text = home.http("/metrics").await;
        let joined = text.contains("causeway_bridge_events_appended_total{kind=\"KIND_PEER_JOINED\"} 1");
        (joined && text.contains("causeway_bridge_local_peers 1")).then_some(())
    })
    .await;
    // What the store counts for itself.
    assert!(home.metric("causeway_bridge_store_records_total").await > 0);
    assert!(home.metric("causeway_bridge_store_record_bytes_total").await > 0);
    assert!(home.metric("causeway_bridge_store_last_commit_microseconds").await > 0);
    assert_eq!(home.metric("causeway_bridge_store_database_failures_total").await, 0);
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_tell_of_ways_and_of_how_far_a_neighbour_is_behind() {
    let (home, cloud) = linked_pair().await;
    let mut ben = FakePeer::new("ben");
    ben.register(&cloud).await;
    eventually("ben", async || home.state_of(ben.id()).await).await;
    eventually("a route", async || (home.metric("causeway_bridge_routes").await == 1).then_some(())).await;
    assert_eq!(home.metric("causeway_bridge_routes_missing").await, 0);
    assert_eq!(home.metric("causeway_bridge_bridges_reachable").await, 2);
    let lag = format!("causeway_bridge_gossip_lag_events{{bridge=\"{}\"}}", home.id());
    eventually("nothing behind", async || {
        let text = cloud.http("/metrics").await;
        text.lines().any(|line| line == format!("{lag} 0")).then_some(())
    })
    .await;
    let link = cloud.id().to_string();
    let request = proto::control::v1::RemoveLinkRequest { link };
    home.console().await.remove_link(request).await.unwrap();
    eventually("no route", async || (home.metric("causeway_bridge_routes_missing").await == 1).then_some(()))
        .await;
    assert_eq!(home.metric("causeway_bridge_routes").await, 0);
    assert!(!cloud.http("/metrics").await.contains(&lag), "labels of links that are gone stay");
}

/// The names of metrics in a text: what begins as ours do.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("causeway_")).map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_dashboard_and_the_alerts_ask_for_metrics_that_there_are() {
    // Some are told only once they count something.
    let (home, cloud) = linked_pair().await;
    let (mut anna, mut ben) = (FakePeer::new("anna"), FakePeer::new("ben"));
    anna.register(&home).await;
    ben.register(&cloud).await;
    eventually("ben", async || home.state_of(ben.id()).await).await;
    let mut stranger = TcpStream::connect(home.bridge.addresses().proxy).await.unwrap();
    stranger.write_all(b"no TLS at all\r\n\r\n").await.unwrap();
    let text = eventually("a refusal and the gauges", async || {
        let text = home.http("/metrics").await;
        let told = ["causeway_bridge_streams_refused_total{", "causeway_bridge_gossip_lag_events{"];
        told.iter().all(|wanted| text.contains(wanted)).then_some(text)
    })
    .await;
    let told: BTreeSet<&str> =
        text.lines().filter_map(|line| line.strip_prefix("# HELP ")?.split(' ').next()).collect();
    let deploy = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy");
    for file in ["grafana-dashboard.json", "prometheus-alerts.yml"] {
        let asked = named(&std::fs::read_to_string(deploy.join(file)).unwrap());
        assert!(asked.len() > 5, "{file}");
        for name in asked {
            if name == "causeway_discovery_sightings_total" {
                // Told once somebody is heard, and these bridges do not listen: the tests of discovery see to it.
                continue;
            }
            let base = name.trim_end_matches("_total").trim_end_matches("_bucket");
            assert!(told.contains(base), "{file} asks for {name}, which no bridge tells");
        }
    }
    let dashboard = std::fs::read_to_string(deploy.join("grafana-dashboard.json")).unwrap();
    let dashboard: serde_json::Value = serde_json::from_str(&dashboard).unwrap();
    assert!(dashboard["panels"].as_array().is_some_and(|panels| panels.len() > 10));
}
