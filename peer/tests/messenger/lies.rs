//! Strangers that break the protocol: refused, visibly, and nothing of it is stored.

use std::{sync::Arc, time::Instant};

use bytes::Bytes;
use conversation::limits::SESSIONS_PER_PEER;
use futures_util::future::join_all;
use identity::tls::{ALPN_H2, Expected, Identity, client_config, server_name};
use proto::chat::v1::{Delivered, Holding, Message, close::Reason, frame::Kind};
use runtime::TaskGroup;
use tokio::{io::AsyncReadExt as _, net::TcpStream};
use tokio_rustls::TlsConnector;
use tonic::codec::CompressionEncoding;

use crate::{
    stranger::Stranger,
    support::{LIMIT, eventually, start, until_online},
};

async fn expect_protocol_close(stranger: &mut Stranger) {
    match stranger.hear().await {
        Some(Kind::Close(close)) => assert_eq!(close.reason(), Reason::Protocol, "{}", close.detail),
        other => panic!("expected a close, got {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_honest_stranger_is_acknowledged_once_per_message_and_after_storing() {
    let mut ben = start("ben", &[]).await;
    let mut stranger = Stranger::hello(&ben).await;
    stranger.write(1, "one").await;
    let Some(Kind::Delivered(first)) = stranger.hear().await else { panic!("not delivered") };
    assert_eq!(first.holding.as_ref().unwrap().through, 1);
    stranger.write(1, "one").await;
    let Some(Kind::Delivered(again)) = stranger.hear().await else { panic!("not delivered") };
    assert_eq!(again.holding, first.holding);
    assert_eq!(ben.texts().await, ["one"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_message_under_a_used_number_is_a_conflict_and_never_acknowledged() {
    let mut ben = start("ben", &[]).await;
    let mut stranger = Stranger::hello(&ben).await;
    stranger.write(1, "one").await;
    assert!(matches!(stranger.hear().await, Some(Kind::Delivered(_))));
    stranger.write(1, "not one").await;
    stranger.write(2, "two").await;
    let Some(Kind::Conflict(conflict)) = stranger.hear().await else { panic!("no conflict") };
    assert_eq!((conflict.sequence, conflict.holding.unwrap().through), (1, 1));
    // Everything is dropped until the sender has understood.
    stranger.resume().await;
    stranger.write(2, "two").await;
    let Some(Kind::Delivered(delivered)) = stranger.hear().await else { panic!("not delivered") };
    assert_eq!(delivered.holding.unwrap().through, 2);
    assert_eq!(ben.texts().await, ["one", "two"]);
    let warnings = ben.status().await.warnings;
    assert!(warnings.iter().any(|warning| warning.contains("used before")), "{warnings:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gap_is_refused() {
    let mut ben = start("ben", &[]).await;
    let mut stranger = Stranger::hello(&ben).await;
    stranger.write(2, "two").await;
    let Some(Kind::Conflict(conflict)) = stranger.hear().await else { panic!("no conflict") };
    assert_eq!((conflict.sequence, conflict.holding.unwrap().through), (2, 0));
    assert!(ben.inbox().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_that_break_the_protocol_end_the_session() {
    let mut ben = start("ben", &[]).await;
    let mut early = Stranger::connect(&ben, Identity::ephemeral().unwrap()).await;
    early.write(1, "before hello").await;
    expect_protocol_close(&mut early).await;

    let mut garbage = Stranger::hello(&ben).await;
    garbage.say(Kind::Message(Message { envelope: Bytes::from_static(b"\xff\xff\xff") })).await;
    expect_protocol_close(&mut garbage).await;

    let mut long = Stranger::hello(&ben).await;
    long.write(1, &"x".repeat(64 * 1024 + 1)).await;
    expect_protocol_close(&mut long).await;

    let mut liar = Stranger::hello(&ben).await;
    liar.identity = Identity::ephemeral().unwrap();
    liar.write(1, "in somebody else's name").await;
    expect_protocol_close(&mut liar).await;

    let mut twice = Stranger::hello(&ben).await;
    twice.say(Kind::Hello(proto::chat::v1::Hello::default())).await;
    expect_protocol_close(&mut twice).await;

    let mut huge = Stranger::hello(&ben).await;
    huge.say(Kind::Message(Message { envelope: vec![0; 300 * 1024].into() })).await;
    assert!(huge.hear().await.is_none(), "a frame above the bound ends the stream");
    assert!(ben.inbox().await.is_empty());
    eventually("no session is left", async || ben.status().await.sessions.is_empty().then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_of_an_unknown_kind_is_ignored() {
    let ben = start("ben", &[]).await;
    let mut stranger = Stranger::hello(&ben).await;
    stranger.say_something_new().await;
    stranger.write(1, "one").await;
    assert!(matches!(stranger.hear().await, Some(Kind::Delivered(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn compressed_frames_are_understood() {
    let mut ben = start("ben", &[]).await;
    for encoding in [CompressionEncoding::Zstd, CompressionEncoding::Gzip] {
        let mut stranger = Stranger::hello_compressed(&ben, encoding).await;
        stranger.write(1, &encoding.to_string()).await;
        assert!(matches!(stranger.hear().await, Some(Kind::Delivered(_))), "{encoding}");
    }
    let mut texts = ben.texts().await;
    texts.sort_unstable();
    assert_eq!(texts, ["gzip", "zstd"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_claims_again_and_again_to_hold_what_was_never_written_is_sent_away() {
    let mut ben = start("ben", &[]).await;
    let mut stranger = Stranger::hello(&ben).await;
    stranger.write(1, "one").await;
    assert!(matches!(stranger.hear().await, Some(Kind::Delivered(_))));
    for claim in 0..conversation::limits::MAX_DOUBTS + 1 {
        let epoch = Bytes::from(u128::from(claim).to_be_bytes().to_vec());
        let holding = Holding { epoch, through: 7, hash: vec![1; 32].into() };
        stranger.say(Kind::Delivered(Delivered { holding: Some(holding), at_ms: 0 })).await;
    }
    expect_protocol_close(&mut stranger).await;
    let told = ben.status().await.warnings.iter().filter(|warning| !warning.contains("clock")).count();
    assert!(told <= conversation::limits::MAX_DOUBTS as usize, "{told} warnings");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_never_stops_talking_keeps_nobody_else_from_being_served() {
    let mut ben = start("ben", &[]).await;
    let noisy = Stranger::hello(&ben).await;
    let group = TaskGroup::new();
    group.spawn(tracing::Span::none(), async move {
        loop {
            noisy.say(Kind::Typing(proto::chat::v1::Typing { active: true })).await;
        }
    });
    for _ in 0..3 {
        let mut other = Stranger::hello(&ben).await;
        other.write(1, "and I").await;
        assert!(matches!(other.hear().await, Some(Kind::Delivered(_))));
    }
    assert_eq!(ben.texts().await.len(), 3);
    group.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_session_of_the_same_peer_takes_the_place_of_the_older() {
    let mut ben = start("ben", &[]).await;
    let identity = Identity::ephemeral().unwrap();
    let mut older = Stranger::hello_as(&ben, identity.clone()).await;
    let mut newer = Stranger::hello_as(&ben, identity).await;
    let Some(Kind::Close(close)) = older.hear().await else { panic!("the older one stays") };
    assert_eq!(close.reason(), Reason::Duplicate);
    newer.write(1, "one").await;
    assert!(matches!(newer.hear().await, Some(Kind::Delivered(_))));
    assert_eq!(ben.status().await.sessions.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_identity_has_a_bounded_number_of_sessions_and_others_are_served() {
    const ASKED: usize = 100;
    let mut ben = start("ben", &[]).await;
    let (identity, began) = (Identity::ephemeral().unwrap(), Instant::now());
    // Without a hello none of them takes the place of another.
    let mut crowd = Vec::new();
    for _ in 0..ASKED {
        crowd.push(Stranger::connect(&ben, identity.clone()).await);
    }
    let mut other = Stranger::hello(&ben).await;
    other.write(1, "in the crowd").await;
    assert!(matches!(other.hear().await, Some(Kind::Delivered(_))));
    // A place comes free when whoever has it says nothing for long, as may happen while a slow machine opens them.
    let rounds = 1 + began.elapsed().as_millis() / peer::limits::HELLO_TIMEOUT.as_millis();
    let most = SESSIONS_PER_PEER * usize::try_from(rounds).unwrap();
    let ends = join_all(crowd.iter_mut().map(Stranger::hear)).await;
    let refused = |end: &Option<Kind>| match end {
        Some(Kind::Close(close)) => {
            close.reason() == Reason::Duplicate && close.detail.contains("too many sessions")
        }
        _ => false,
    };
    let taken = ends.iter().filter(|end| !refused(end)).count();
    assert!((SESSIONS_PER_PEER..=most).contains(&taken), "{taken} of {ASKED}, {most} at most");
    drop(crowd);
    // Who has left is not in the way of who comes.
    let mut again =
        eventually("a place comes free", async || Stranger::try_hello_as(&ben, identity.clone()).await).await;
    again.write(1, "alone").await;
    assert!(matches!(again.hear().await, Some(Kind::Delivered(_))));
    assert_eq!(ben.texts().await, ["in the crowd", "alone"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_expects_another_id_does_not_get_through_tls() {
    let ben = start("ben", &[]).await;
    let (own, wanted) = (Identity::ephemeral().unwrap(), Identity::ephemeral().unwrap().id());
    let config = Arc::new(client_config(&own, Expected::Node(wanted), ALPN_H2).unwrap());
    let address = ben.peer.addresses().secure;
    let refused = runtime::rpc::connect_tls(address, config, server_name(wanted), LIMIT).await;
    assert!(refused.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_impostor_at_a_peers_address_gets_nothing() {
    let ben = start("ben", &[]).await;
    let mut anna = start("anna", &[ben.greeting()]).await;
    until_online(&mut anna, 1).await;
    anna.deliver(ben.id(), "one").await;
    let (id, addresses, mut config) = (ben.id(), ben.peer.addresses(), ben.config.clone());
    let keep = tempfile::tempdir().unwrap();
    // Gone without a goodbye: anna still believes that ben is there.
    drop(ben.peer);
    let taken = tempfile::tempdir().unwrap();
    let mut impostor = crate::support::config("ben", taken.path());
    impostor.ports.secure = peer::Port::Exact(addresses.secure.port());
    impostor.ports.greeting = peer::Port::Exact(addresses.greeting.port());
    let mut impostor = crate::support::start_with(impostor).await;
    assert_ne!(impostor.id(), id);
    let sent = anna.send(id, "for ben alone").await.unwrap();
    eventually("anna tried", async || {
        let item = anna.inbox().await.pop().unwrap();
        assert_eq!(item.id, sent.id);
        assert_eq!(item.state(), proto::control::v1::DeliveryState::Queued);
        item.reason.contains("was not reached").then_some(())
    })
    .await;
    assert!(impostor.inbox().await.is_empty());
    impostor.peer.shutdown().await;
    config.data = keep.path().to_owned();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_says_nothing_after_the_handshake_is_let_go() {
    let ben = start("ben", &[]).await;
    let identity = Identity::ephemeral().unwrap();
    let config = Arc::new(client_config(&identity, Expected::Node(ben.id()), ALPN_H2).unwrap());
    let stream = TcpStream::connect(ben.peer.addresses().secure).await.unwrap();
    let mut stream = TlsConnector::from(config).connect(server_name(ben.id()), stream).await.unwrap();
    let closed = tokio::time::timeout(LIMIT, stream.read_to_end(&mut Vec::new())).await;
    closed.expect("the connection is held").ok();
}
