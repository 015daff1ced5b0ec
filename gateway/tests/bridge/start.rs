//! Starts that must fail say what to do, and leave everything as it was.

use std::{fs, io::Write as _, os::unix::fs::FileExt as _};

use gateway::{
    Bridge, Port, StartError,
    endpoint::{Congestion, EndpointSettings, LinkEndpoint},
};
use identity::tls::Identity;
use proto::control::v1::{AboutRequest, StopRequest};

use crate::support::{FakePeer, Node, config, eventually, linked_pair, refused, trust};

#[tokio::test(flavor = "multi_thread")]
async fn an_asked_for_port_that_is_taken_and_a_directory_in_use_are_refused() {
    let home = Node::start("home").await;
    let data = tempfile::tempdir().unwrap();
    let mut taken = config(data.path(), "other");
    taken.ports.control = Port::Exact(home.bridge.addresses().control.port());
    let (error, text) = refused(taken).await;
    assert!(matches!(error, StartError::Port(_)) && text.contains("another program has it"), "{text}");
    let mut taken = config(data.path(), "other");
    taken.ports.link = Port::Exact(home.bridge.addresses().link.port());
    let (error, text) = refused(taken).await;
    assert!(matches!(error, StartError::Port(_)) && text.contains("/udp"), "{text}");
    let (error, text) = refused(config(home.data.path(), "home")).await;
    assert!(matches!(error, StartError::Store(_)) && text.contains("in use by"), "{text}");
    // A start that failed has let go of everything.
    Bridge::start(config(data.path(), "other")).await.unwrap().shutdown(std::time::Duration::ZERO).await;
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_names_and_damaged_settings_are_refused() {
    let data = tempfile::tempdir().unwrap();
    let (error, _) =
        refused(gateway::BridgeConfig { name: String::new(), ..config(data.path(), "home") }).await;
    assert!(matches!(error, StartError::Describe(_)), "{error}");
    let long = gateway::BridgeConfig { network: "n".repeat(33), ..config(data.path(), "home") };
    let (error, _) = refused(long).await;
    assert!(matches!(error, StartError::Network(_)), "{error}");
    fs::File::create(data.path().join("trust.json")).unwrap().write_all(b"[{").unwrap();
    let (error, text) = refused(config(data.path(), "home")).await;
    assert!(matches!(error, StartError::Settings(_)) && text.contains("trust.json"), "{text}");
    assert_eq!(fs::read(data.path().join("trust.json")).unwrap(), b"[{");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_log_is_told_with_its_position_and_what_neighbours_hold_is_fetched_again() {
    let (home, cloud) = linked_pair().await;
    let mut anna = FakePeer::new("anna the only one of her name");
    anna.register(&home).await;
    eventually("peer", async || cloud.state_of(anna.id()).await).await;
    let needle = b"anna the only one";
    let cloud_data = cloud.stop().await;
    damage(cloud_data.path(), needle);
    let url = home.url();
    let cloud = Node::start_on_with(cloud_data, "cloud", |config| config.links = vec![url]).await;
    let warnings = cloud.status().await.warnings;
    assert!(warnings.iter().any(|one| one.contains("was damaged at event")), "{warnings:?}");
    trust(&home, cloud.id()).await;
    anna.register(&home).await;
    eventually("peer", async || cloud.state_of(anna.id()).await).await;
    cloud.stop().await;

    let home_data = home.stop().await;
    damage(home_data.path(), needle);
    let home = Node::start_on(home_data, "home").await;
    let warnings = home.status().await.warnings;
    let told = |one: &String| one.contains("this bridge's own log") && one.contains("was damaged at event");
    assert!(warnings.iter().any(told), "{warnings:?}");
    home.stop().await;
}

/// Changes one byte after each place in the store's data file where the needle stands.
fn damage(data: &std::path::Path, needle: &[u8]) {
    let path = data.join("store/sled/db");
    let bytes = fs::read(&path).unwrap();
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    let places: Vec<_> =
        bytes.windows(needle.len()).enumerate().filter(|(_, window)| *window == needle).collect();
    assert!(!places.is_empty(), "the needle is in the file");
    for (at, _) in places {
        file.write_all_at(b"X", at as u64).unwrap();
    }
}

/// What this machine gives to a link's socket: too little, by the defaults of most kernels.
#[tokio::test(flavor = "multi_thread")]
async fn small_socket_buffers_are_a_warning_of_the_bridge() {
    let settings = EndpointSettings {
        listen: ([127, 0, 0, 1], 0).into(),
        congestion: gateway::BridgeConfig::new("", "", "").congestion,
    };
    assert_eq!(settings.congestion, Congestion::Cubic, "unless somebody chooses");
    let small = LinkEndpoint::bind(&Identity::ephemeral().unwrap(), &settings).unwrap().small_buffers();
    let home = Node::start("home").await;
    let warnings = home.status().await.warnings;
    let told = warnings.iter().find(|warning| warning.contains("socket buffers"));
    assert_eq!(told, small.map(|small| small.to_string()).as_ref(), "{warnings:?}");
    home.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_local_socket_tells_who_runs_and_asks_for_the_end() {
    let home = Node::start("home").await;
    let mut console = home.node_console().await;
    let about = console.about(AboutRequest {}).await.unwrap().into_inner();
    assert_eq!((about.node_id, about.name.as_str()), (home.id().to_bytes(), "home"));
    assert_eq!(about.listening.len(), 5);
    console.stop(StopRequest {}).await.unwrap();
    tokio::time::timeout(crate::support::LIMIT, home.bridge.stop_asked()).await.unwrap();
    let socket = home.bridge.socket().to_owned();
    home.stop().await;
    assert!(!socket.exists());
}
