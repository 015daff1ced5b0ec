//! A bridge under a flood of invented peers, registrations and flapping: memory and disk stay bounded, and its own
//! people are served all the while.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    path::Path,
    time::{Duration, Instant},
};

use identity::tls::Identity;
use proto::node::v1::datagram::Kind;

use super::stage::Stage;
use crate::support::{
    Host, Node, eventually,
    raw::{Control, describe, on_host},
};

/// Where nodes announce themselves: docs/protocol.md.
const GROUP: (Ipv4Addr, u16) = (Ipv4Addr::new(239, 255, 67, 87), 30_002);
/// What a bridge may grow by while its tables fill up to their bounds, KiB: 4,096 nodes heard and 4,096 local peers, and
/// 16,384 records whose signatures were checked, of 3 KiB each make 72 MiB; the rest is for queues, log and allocator.
/// That each table ends at its bound is tested where the table is: the floods here show that a bridge serves meanwhile, and
/// that nothing else grows by them.
const MOST_MEMORY_KIB: u64 = 96 * 1024;
/// What log and journal may grow by, bytes.
const MOST_DISK: u64 = 64 << 20;
/// How long invented peers announce themselves.
const FLOOD: Duration = Duration::from_secs(10);
/// Registrations from each address, and addresses.
const REGISTRATIONS: usize = 150;
const ADDRESSES: usize = 6;
/// One peer that comes and goes.
const FLAPS: usize = 150;

/// A line of a process's memory in KiB (proc_pid_status(5)).
fn memory_kib(node: &Node, line: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", node.process())).unwrap();
    let line = status.lines().find_map(|text| text.strip_prefix(line)?.strip_prefix(':')).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// What a bridge has in memory, KiB, and on its disk, bytes.
fn size(bridge: &Node) -> (u64, u64) {
    (memory_kib(bridge, "VmRSS"), on_disk(bridge.data()))
}

fn on_disk(path: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    let size = |path: &Path| match fs::symlink_metadata(path) {
        Ok(data) if data.is_dir() => on_disk(path),
        Ok(data) => data.blocks() * 512,
        // Gone since it was listed.
        Err(_) => 0,
    };
    entries.map(|entry| size(&entry.path())).sum()
}

fn durable_head(bridge: &Node) -> u64 {
    bridge.status()["durable_head"].as_u64().unwrap()
}

/// Announcements of peers that do not exist, as fast as they can be signed.
fn invent_peers(host: &Host) -> usize {
    let socket = host.within(|| UdpSocket::bind("10.1.0.66:0").unwrap());
    let certificate = Identity::ephemeral().unwrap();
    let description = describe(&certificate);
    let (until, mut sent) = (Instant::now() + FLOOD, 0);
    while Instant::now() < until {
        let identity = identity::NodeKey::generate();
        let message = announcement(&identity, &description);
        let (datagram, _) = discovery::datagram::encode(&identity, Kind::Announce, &message, None, []);
        if socket.send_to(&datagram, SocketAddr::from(GROUP)).is_ok() {
            sent += 1;
        }
    }
    sent
}

fn announcement(key: &identity::NodeKey, description: &identity::Description) -> identity::Announcement {
    let message = proto::node::v1::Announcement {
        sequence: 1,
        kind: proto::node::v1::NodeKind::Peer.into(),
        network: Some(identity::Network::named("home").to_proto()),
        ports: Some(proto::node::v1::Ports { secure: 30_000, greeting: 30_001, ..Default::default() }),
        description_hash: description.hash().to_vec().into(),
        ..Default::default()
    };
    identity::Announcement::sign(key, message).unwrap()
}

/// Registers invented peers, each with an identity and a connection of its own; how many were taken.
async fn register_many(control: &Control) -> usize {
    let mut taken = 0;
    for _ in 0..REGISTRATIONS {
        let identity = Identity::ephemeral().unwrap();
        let Ok(mut client) = control.connect(&identity).await else { continue };
        taken += usize::from(client.register(control.registration(&identity, 40_000, false)).await.is_ok());
    }
    taken
}

/// One peer that registers and says goodbye, over and over.
async fn flap(control: &Control) -> usize {
    let identity = Identity::ephemeral().unwrap();
    let mut client = control.connect(&identity).await.unwrap();
    let mut taken = 0;
    for turn in 0..FLAPS * 2 {
        let request = control.registration(&identity, 40_000, turn % 2 == 1);
        taken += usize::from(client.register(request).await.is_ok());
        // The bridge bounds the requests of one address; faster ones would only be refused.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    taken
}

fn assert_bounded(stage: &Stage, before: (u64, u64)) {
    let bridge = &stage.attic;
    // The most that it ever had, not what it has left of it.
    let memory = memory_kib(bridge, "VmHWM").saturating_sub(before.0);
    let disk = on_disk(bridge.data()).saturating_sub(before.1);
    println!("the bridge grew by at most {memory} KiB of memory and {disk} bytes on disk");
    assert!(memory < MOST_MEMORY_KIB, "{memory} KiB");
    assert!(disk < MOST_DISK, "{disk} bytes");
    stage.assert_talk("in the flood");
}

#[test]
fn a_flood_of_invented_peers_leaves_a_bridge_bounded_and_serving() {
    let Some(stage) = Stage::set("invented peers") else { return };
    let host = stage.host_at_home("flooder", "10.1.0.66/24");
    let before = size(&stage.attic);
    let sent = std::thread::scope(|scope| {
        let flood = scope.spawn(|| invent_peers(&host));
        stage.assert_talk("while peers are invented");
        flood.join().unwrap()
    });
    println!("{sent} peers were invented");
    assert!(sent > 1_000, "no flood");
    assert_bounded(&stage, before);
}

#[test]
fn a_flood_of_registrations_leaves_a_bridge_bounded_and_serving() {
    let Some(stage) = Stage::set("registrations") else { return };
    let host = stage.host_at_home("flooder", "10.1.0.66/24");
    let control = Control::of(&stage.attic, "10.1.0.2", "home");
    let before = size(&stage.attic);
    let mut taken = 0;
    for number in 0..ADDRESSES {
        let address = format!("10.1.0.{}", 100 + number);
        host.add_address("eth0", &format!("{address}/32"));
        host.prefer_source("eth0", "10.1.0.0/24", &address);
        taken += on_host(&host, register_many(&control));
    }
    println!("{taken} of {} invented registrations were taken", REGISTRATIONS * ADDRESSES);
    assert!(taken > 100, "no flood");
    assert_bounded(&stage, before);
}

#[test]
fn a_flapping_peer_is_damped() {
    let Some(stage) = Stage::set("flapping") else { return };
    let host = stage.host_at_home("flapper", "10.1.0.66/24");
    let control = Control::of(&stage.attic, "10.1.0.2", "home");
    let before = size(&stage.attic);
    let events = durable_head(&stage.attic);
    let taken = on_host(&host, flap(&control));
    assert!(taken > FLAPS, "only {taken} of {} registrations were taken", FLAPS * 2);
    let logged = eventually("the log has come to rest", || {
        let (one, other) = (durable_head(&stage.attic), stage.attic.status()["head"].as_u64()?);
        (one == other).then(|| one - events)
    });
    println!("{taken} comings and goings made {logged} events");
    assert!(logged < FLAPS as u64 / 2, "{logged} events of {taken} comings and goings: not damped");
    assert_bounded(&stage, before);
}
