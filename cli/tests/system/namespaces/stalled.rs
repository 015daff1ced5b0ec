//! Four proxied streams whose readers stop reading, while gossip and other streams go on.

use std::{
    io::{Read as _, Write as _},
    net::SocketAddr,
    thread,
    time::Duration,
};

use super::stage::Stage;
use crate::support::{
    Node, eventually,
    raw::{Control, Manners, RawPeer, Stream, dial, fill},
};

/// Nothing is taken for so long: the stream has stalled.
const STALLED: Duration = Duration::from_secs(2);
/// A stream over the two bridges as they may all have it: some megabytes, not more.
const MOST_BUFFERED: usize = 256 << 20;

fn stage_with_streams(test: &str) -> Option<(Stage, SocketAddr, Control)> {
    let stage = Stage::set(test)?;
    let control = Control::of(&stage.tower, "10.9.0.2", "cloud");
    let proxy = SocketAddr::new("10.1.0.2".parse().unwrap(), stage.attic.port("proxy"));
    Some((stage, proxy, control))
}

fn dial_when_known(stage: &Stage, proxy: SocketAddr, peer: &RawPeer) -> Stream {
    let id = peer.id().to_string();
    eventually("the attic knows the raw peer", || {
        stage.attic.json(&["peers"]).iter().any(|row| row["id"] == id.as_str()).then_some(())
    });
    eventually("a stream to the raw peer opens", || dial(&stage.hosts.anna, proxy, peer.id()).ok())
}

#[test]
fn streams_whose_readers_stop_hold_up_nobody_else() {
    let Some((stage, proxy, control)) = stage_with_streams("stalled") else { return };
    let host = stage.host_in_cloud("raw", "10.9.0.7/24");
    let deaf = RawPeer::start(&host, &control, Manners::ReadsNothing);
    let lively = RawPeer::start(&host, &control, Manners::Echoes);
    let mut stalled: Vec<_> = (0..4).map(|_| dial_when_known(&stage, proxy, &deaf)).collect();
    thread::scope(|scope| {
        let filling: Vec<_> =
            stalled.iter_mut().map(|stream| scope.spawn(|| fill(stream, STALLED))).collect();
        for taken in filling.into_iter().map(|thread| thread.join().unwrap()) {
            println!("a stream nobody reads took {} KiB", taken / 1024);
            assert!(taken < MOST_BUFFERED, "{taken}");
        }
    });

    // Other streams: an existing session's, a new one, and one with much to carry.
    stage.assert_talk("beside four stalled streams");
    let mut fifth = dial_when_known(&stage, proxy, &lively);
    let (mut there, mut back) = (vec![3; 1 << 20], vec![0; 1 << 20]);
    fifth.read_exact(&mut [0; 1]).unwrap();
    for chunk in there.chunks_mut(4096).zip(back.chunks_mut(4096)) {
        fifth.write_all(chunk.0).unwrap();
        fifth.read_exact(chunk.1).unwrap();
    }
    assert!(there == back);

    // Gossip: somebody new at home is known in the cloud.
    let host = stage.host_at_home("ben", "10.1.0.4/24");
    let _ben = Node::peer("ben", "home", stage.folder.path()).on(&host).start();
    stage.carla.wait_online("ben");
    stage.carla.deliver("ben", "past the stalled ones");
    stage.attic.wait_links(1);
}
