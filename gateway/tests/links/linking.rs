//! Links between bridges that trust each other.

use std::time::Duration;

use bytes::Bytes;
use gateway::link::{LinkEvent, LinkState, SendError, limits::MAX_FRAME_BYTES, probe};
use identity::{NodeKey, tls::Identity};

use super::{
    bridge::{Bridge, Options, link, linked},
    forwarder::Forwarder,
    waiting::{until, within},
};

#[tokio::test(flavor = "multi_thread")]
async fn two_bridges_link_and_exchange_frames() {
    let (a, b) = (Bridge::start().await, Bridge::start().await);
    a.trust(b.id());
    b.trust(a.id());
    a.dial(&b);
    let (at_a, at_b) = tokio::join!(a.up(), b.up());
    assert_eq!((at_a.bridge, at_b.bridge), (b.id(), a.id()));
    assert!(at_a.dialled && !at_b.dialled);
    assert_eq!((at_a.description.id(), at_a.network.name.as_str()), (b.id(), "net"));
    let large = Bytes::from(vec![7; MAX_FRAME_BYTES]);
    for frame in [Bytes::from_static(b"one"), large.clone(), Bytes::from_static(b"three")] {
        a.send(&b, frame.clone()).unwrap();
        assert_eq!(b.frame().await, frame);
        b.send(&a, frame.clone()).unwrap();
        assert_eq!(a.frame().await, frame);
    }
    assert_eq!(a.send(&b, Bytes::from(vec![0; MAX_FRAME_BYTES + 1])), Err(SendError::TooLong));
    assert_eq!(a.links.send(b.id(), u64::MAX, Bytes::new()), Err(SendError::Down));
    let status = a.links.statuses().remove(0);
    assert_eq!((status.state, status.bridge), (LinkState::Up, b.id()));
    assert!(status.bytes_in > MAX_FRAME_BYTES as u64 && status.rtt > Duration::ZERO, "{status:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn samples_tell_the_round_trip() {
    let (a, _b) = linked(Bridge::start().await, Bridge::start().await).await;
    let sample =
        a.event("sample", |event| if let LinkEvent::Sample(sample) = event { Some(sample) } else { None });
    let sample = sample.await;
    assert!(sample.rtt > Duration::ZERO && sample.sent > 0, "{sample:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_bridges_that_dial_each_other_end_with_one_link() {
    for _ in 0..5 {
        let (a, b) = (Bridge::start().await, Bridge::start().await);
        a.trust(b.id());
        b.trust(a.id());
        a.dial(&b);
        b.dial(&a);
        let one_link = || {
            let (at_a, at_b) = (a.links.statuses(), b.links.statuses());
            let up = at_a[0].state == LinkState::Up && at_b[0].state == LinkState::Up;
            up && at_a[0].dialled != at_b[0].dialled
                && a.metrics.links_up.get() == 1
                && b.metrics.links_up.get() == 1
        };
        // A link that comes first may give way to the other side's, once, and take frames with it.
        within("frame over the link that stays", async {
            loop {
                until("one link", one_link).await;
                let number = Bytes::copy_from_slice(&rand::random::<[u8; 8]>());
                if a.send(&b, number.clone()).is_err() {
                    continue;
                }
                let arrives = async { while b.frame().await != number {} };
                if tokio::time::timeout(Duration::from_secs(2), arrives).await.is_ok() && one_link() {
                    return;
                }
            }
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bridge_that_was_restarted_is_linked_again() {
    let key = || NodeKey::from_seed([42; 32]);
    let b = Bridge::with(Options { key: key(), ..Options::default() }).await;
    let (a, b) = linked(Bridge::start().await, b).await;
    let address = b.address;
    b.stop().await;
    let (first, reason) = a.down().await;
    assert!(reason.contains("stopped"), "{reason}");
    let b = Bridge::with(Options { key: key(), listen: address, ..Options::default() }).await;
    b.trust(a.id());
    let again = a.up().await;
    assert!(again.connection > first);
    b.up().await;
    a.send(&b, Bytes::from_static(b"again")).unwrap();
    assert_eq!(b.frame().await, "again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_path_is_noticed_and_a_healed_one_used() {
    let (a, b) = (Bridge::start().await, Bridge::start().await);
    let path = Forwarder::to(b.address).await;
    a.trust(b.id());
    b.trust(a.id());
    a.dial_at(path.address, b.id());
    tokio::join!(a.up(), b.up());
    path.cut(true);
    let ((_, at_a), (_, at_b)) = tokio::join!(a.down(), b.down());
    assert!(at_a.contains("nothing was heard") && at_b.contains("nothing was heard"), "{at_a}; {at_b}");
    assert!(a.dial_failure().await.contains("no answer over UDP"));
    path.cut(false);
    tokio::join!(a.up(), b.up());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bridge_that_was_killed_and_started_again_says_so_to_those_it_forgot() {
    let key = || NodeKey::from_seed([43; 32]);
    let (a, b) = (Bridge::start().await, Bridge::with(Options { key: key(), ..Options::default() }).await);
    let path = Forwarder::to(b.address).await;
    a.trust(b.id());
    b.trust(a.id());
    a.dial_at(path.address, b.id());
    tokio::join!(a.up(), b.up());
    // Its goodbye gets lost, as if it had been killed.
    path.cut(true);
    let address = b.address;
    b.stop().await;
    let b = Bridge::with(Options { key: key(), listen: address, ..Options::default() }).await;
    b.trust(a.id());
    path.cut(false);
    let (_, reason) = a.down().await;
    assert!(reason.contains("restarted"), "{reason}");
    tokio::join!(a.up(), b.up());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_can_be_removed_and_added_while_running() {
    let (a, b) = linked(Bridge::start().await, Bridge::start().await).await;
    a.links.remove(b.id());
    tokio::join!(a.down(), b.down());
    assert!(a.links.statuses().is_empty());
    a.dial(&b);
    tokio::join!(a.up(), b.up());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_over_ipv6_and_a_dual_stack_socket_works() {
    let options = || Options { listen: "[::]:0".parse().unwrap(), ..Options::default() };
    let (a, b) = (Bridge::with(options()).await, Bridge::with(options()).await);
    a.trust(b.id());
    b.trust(a.id());
    for host in ["127.0.0.1", "::1", "localhost"] {
        let address = if host.contains(':') { format!("[{host}]") } else { host.into() };
        let host_port = format!("{address}:{}", b.address.port());
        a.links.add(gateway::link::LinkTarget { id: b.id(), host_port, invitation: None });
        tokio::join!(a.up(), b.up());
        a.links.remove(b.id());
        tokio::join!(a.down(), b.down());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_whose_other_side_does_not_read_says_busy_and_others_go_on() {
    let deaf = Bridge::with(Options { event_queue: 1, ..Options::default() }).await;
    let (a, c) = linked(Bridge::start().await, Bridge::start().await).await;
    a.trust(deaf.id());
    deaf.trust(a.id());
    a.dial(&deaf);
    a.up().await;
    let frame = Bytes::from(vec![0; MAX_FRAME_BYTES]);
    // A queue of one event: nobody takes them, so QUIC's credit and then the queue fill up.
    until("busy link", || a.send(&deaf, frame.clone()) == Err(SendError::Busy)).await;
    a.send(&c, Bytes::from_static(b"hello")).unwrap();
    assert_eq!(c.frame().await, "hello");
    assert!(a.metrics.frames_busy.get() > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_tells_what_is_there() {
    let (a, b) = (Bridge::start().await, Bridge::start().await);
    link(&a, &b).await;
    let report = probe(Some(&a.identity), &b.address.to_string(), b.id()).await;
    assert!(report.is_good() && report.rtt.is_some(), "{report}");
    assert!(report.mtu.unwrap() > 1452, "loopback takes more than Ethernet: {report}");
    assert!(a.links.is_up(b.id()), "the link that was up still is");

    let stranger = Identity::ephemeral().unwrap();
    let report = probe(Some(&stranger), &b.address.to_string(), b.id()).await;
    assert!(report.reachable && report.proven && !report.trusted, "{report}");
    assert!(report.to_string().contains(&format!("causeway trust add {}", stranger.id())), "{report}");

    let report = probe(Some(&a.identity), &b.address.to_string(), a.id()).await;
    assert!(report.reachable && !report.proven, "{report}");
    assert!(report.to_string().contains("another node"), "{report}");

    let nobody = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let report = probe(Some(&a.identity), &nobody.local_addr().unwrap().to_string(), b.id()).await;
    assert!(!report.reachable && report.to_string().contains("firewall"), "{report}");

    let report = probe(Some(&a.identity), "no-such-name.invalid:1", b.id()).await;
    assert!(report.to_string().contains("cannot look up"), "{report}");
}
