//! What the journal adds to the logs: what was known when, and the run through the core again.

use std::{
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use gateway::past::{SimulateError, open_file, simulate_file};
use proto::{
    control::v1::{AddLinkRequest, RemoveLinkRequest},
    topology::v1::{
        ExportRequest, LogsRequest, StateAtRequest, VerifyRequest, WhyRequest,
        topology_client::TopologyClient,
    },
};
use runtime::TaskGroup;
use tonic::{Code, transport::Channel};

use crate::support::{FakePeer, Node, eventually, linked_pair};

async fn past(node: &Node) -> TopologyClient<Channel> {
    TopologyClient::new(node.local().await)
}

async fn export(node: &Node, request: ExportRequest, path: &Path) -> PathBuf {
    let mut pieces = past(node).await.export(request).await.unwrap().into_inner();
    let mut file = Vec::new();
    while let Some(piece) = pieces.message().await.unwrap() {
        file.extend_from_slice(&piece.data);
    }
    std::fs::write(path, file).unwrap();
    path.to_owned()
}

/// The hybrid time of now.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    (u64::try_from(since.as_millis()).unwrap() << 16) | 0xffff
}

fn millis(at: u64) -> i64 {
    i64::try_from(at >> 16).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exported_journal_gives_the_logs_that_were_and_others_where_a_link_is_taken_down() {
    let folder = tempfile::tempdir().unwrap();
    let (home, cloud) = linked_pair().await;
    let (mut anna, mut ben) = (FakePeer::new("anna"), FakePeer::new("ben"));
    anna.register(&home).await;
    ben.register(&cloud).await;
    eventually("ben", async || home.state_of(ben.id()).await).await;
    let url = cloud.url();
    let home = home.restart_with(|config| config.links = vec![url]).await;
    home.wait_for_links(1).await;
    anna.register(&home).await;
    // The cloud may know her from the run before.
    eventually("start, link and anna in the log of each run", async || {
        let logs = past(&home).await.logs(LogsRequest {}).await.unwrap().into_inner().logs;
        let runs = logs.iter().filter(|log| log.owner == home.id().to_bytes() && log.events >= 3);
        (runs.count() == 2).then_some(())
    })
    .await;

    let request = ExportRequest { journal: true, addresses: false };
    let file = export(&home, request, &folder.path().join("with")).await;
    let simulated = simulate_file(&file, None, &[]).unwrap();
    assert!(simulated.is_same() && simulated.runs.len() == 2, "{simulated:?}");
    assert!(simulated.runs.iter().all(|run| run.was >= 3), "{simulated:?}");
    assert_eq!((simulated.bridge, simulated.name.as_str()), (home.id(), "home"));

    let drop = [("home".to_owned(), "cloud".to_owned(), 0)];
    let without = simulate_file(&file, None, &drop).unwrap();
    assert!(!without.is_same(), "{without:?}");
    let gone: Vec<_> =
        without.runs.iter().flat_map(|run| &run.only[0]).map(|it| it.kind_name.clone()).collect();
    assert!(gone.contains(&"link_up".to_owned()) && !gone.contains(&"peer_joined".to_owned()), "{gone:?}");
    assert!(without.changes.iter().any(|change| change.kind_name == "link_down"), "{without:?}");
    let late = [("cloud".to_owned(), "home".to_owned(), millis(now()) + 60_000)];
    assert!(simulate_file(&file, None, &late).unwrap().is_same(), "it was never taken down");
    let others = [("ben".to_owned(), "cloud".to_owned(), 0)];
    assert!(matches!(simulate_file(&file, None, &others), Err(SimulateError::OthersLink(_))));
    let reseeded = simulate_file(&file, Some([7; 32]), &[]).unwrap();
    assert!(!reseeded.is_same() && reseeded.changes.iter().all(|it| it.kind_name == "bridge_restarted"));

    // Addresses are in it only when asked for.
    let address = cloud.bridge.addresses().link.to_string();
    let holds = |file: &Path| {
        let content = std::fs::read(file).unwrap();
        content.windows(address.len()).any(|window| window == address.as_bytes())
    };
    let request = ExportRequest { journal: true, addresses: true };
    let open = export(&home, request, &folder.path().join("open")).await;
    assert!(holds(&open), "nothing to hide: the check proves nothing");
    assert!(!holds(&file));
    let plain = export(&home, ExportRequest::default(), &folder.path().join("plain")).await;
    assert!(matches!(simulate_file(&plain, None, &[]), Err(SimulateError::NoJournal)));
    let group = TaskGroup::new();
    let read = open_file(&file, true).unwrap().serve_here(&group).await.unwrap();
    let verified = TopologyClient::new(read).verify(VerifyRequest {}).await.unwrap().into_inner();
    assert!(verified.good, "{verified:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_bridge_did_not_know_at_a_time_is_told_apart_from_what_was_so() {
    let (home, cloud) = linked_pair().await;
    let (mut anna, mut ben) = (FakePeer::new("anna"), FakePeer::new("ben"));
    anna.register(&home).await;
    eventually("anna", async || cloud.state_of(anna.id()).await).await;
    let url = cloud.url().to_string();
    let link = cloud.id().to_string();
    home.console().await.remove_link(RemoveLinkRequest { link }).await.unwrap();
    eventually("no link", async || home.links().await.iter().all(|link| link.state != "up").then_some(()))
        .await;
    ben.register(&cloud).await;
    eventually("ben", async || cloud.state_of(ben.id()).await).await;
    let cut = now();
    home.console().await.add_link(AddLinkRequest { url }).await.unwrap();
    eventually("ben at home", async || home.state_of(ben.id()).await).await;

    let state = |at: u64, known_by: &str| {
        let request = StateAtRequest { at, known_by: known_by.to_owned(), ..StateAtRequest::default() };
        async { past(&home).await.state_at(request).await }
    };
    let so = state(cut, "").await.unwrap().into_inner();
    assert!(so.peers.iter().any(|peer| peer.name == "ben") && so.unknown.is_empty());
    let known = state(cut, "home").await.unwrap().into_inner();
    assert!(known.peers.iter().any(|peer| peer.name == "anna"), "{known:?}");
    assert!(!known.peers.iter().any(|peer| peer.name == "ben"), "{known:?}");
    let unknown: Vec<_> =
        known.unknown.iter().map(|it| (it.kind_name.as_str(), it.subject_name.as_str())).collect();
    assert!(unknown.contains(&("peer_joined", "ben")), "{unknown:?}");
    let today = state(0, "home").await.unwrap().into_inner();
    assert!(today.peers.iter().any(|peer| peer.name == "ben") && today.unknown.is_empty(), "{today:?}");
    let others = state(cut, "cloud").await.unwrap_err();
    assert!(others.message().contains("only its own journal says"), "{others:?}");

    let why = |peer: &str, known_by: &str, at: u64| {
        let request =
            WhyRequest { peer: peer.into(), known_by: known_by.into(), at, ..WhyRequest::default() };
        async { past(&home).await.why(request).await }
    };
    let seen = why("anna", "", 0).await.unwrap().into_inner();
    assert!(seen.sightings[0].arrival.contains("seen here by register"), "{seen:?}");
    let told = why("ben", "", 0).await.unwrap().into_inner();
    assert!(told.sightings[0].arrival.contains("over the link to cloud"), "{told:?}");
    let then = why("ben", "home", cut).await.unwrap().into_inner();
    assert!(then.sightings.is_empty(), "{then:?}");
    let nobody = why("zoe", "", 0).await.unwrap_err();
    assert_eq!(nobody.code(), Code::NotFound);
}
