//! What works when nobody disturbs.

use std::net::UdpSocket;

use peer::Discovery;
use proto::control::v1::{
    DeliveryState, Direction, InboxRequest, MarkReadRequest, MessagesRequest, SafetyNumberRequest,
};

use crate::support::{LIMIT, Node, config, eventually, start, start_with, until_online};

async fn pair() -> (Node, Node) {
    let ben = start("ben", &[]).await;
    let mut anna = start("anna", &[ben.greeting()]).await;
    until_online(&mut anna, 1).await;
    (anna, ben)
}

#[tokio::test(flavor = "multi_thread")]
async fn two_peers_greet_and_chat_in_both_directions_by_name() {
    let (mut anna, mut ben) = pair().await;
    let sent = anna.deliver("ben", "are you there?").await;
    assert_eq!((sent.direction(), sent.via.len()), (Direction::Out, 0));
    ben.deliver("Anna", "yes").await;
    let inbox = ben.inbox().await;
    assert_eq!(inbox[0].id, sent.id, "both sides name a message alike");
    assert_eq!(inbox[0].sent_at_ms, sent.sent_at_ms, "and say alike when it was written");
    assert_eq!((inbox[0].text.as_str(), inbox[0].state()), ("are you there?", DeliveryState::Received));
    assert_eq!((inbox[0].from_name.as_str(), inbox[0].to_name.as_str()), ("anna", "ben"));
    assert_eq!(anna.texts().await, ["are you there?", "yes"]);
    let status = anna.status().await;
    assert_eq!((status.sent, status.received, status.queued), (1, 1, 0));
    assert_eq!(status.sessions.len(), 1);
    assert_eq!(status.sessions[0].key_exchange, "X25519MLKEM768");
    anna.peer.shutdown().await;
    ben.peer.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn peers_find_each_other_by_multicast() {
    let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let multicast = |name, data: &tempfile::TempDir| {
        let mut config = config(name, data.path());
        config.discovery = Discovery::Multicast(port);
        config.interfaces = vec!["lo".into()];
        config
    };
    let mut anna = start_with(multicast("anna", &one)).await;
    let mut ben = start_with(multicast("ben", &two)).await;
    until_online(&mut anna, 1).await;
    eventually("ben's name is known", async || anna.send("ben", "hello").await.ok()).await;
    eventually("it arrives", async || (ben.texts().await == ["hello"]).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn both_dial_at_once_and_keep_one_session() {
    let (mut anna, mut ben) = pair().await;
    until_online(&mut ben, 1).await;
    for round in 0..20 {
        let (text, a, b) = (format!("{round}"), anna.id(), ben.id());
        tokio::join!(anna.deliver(b, &text), ben.deliver(a, &text));
    }
    for node in [&mut anna, &mut ben] {
        eventually("one session", async || (node.status().await.sessions.len() == 1).then_some(())).await;
        assert_eq!(node.inbox().await.len(), 40);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_to_an_absent_peer_waits_with_a_reason_and_arrives_when_it_comes() {
    let (mut anna, ben) = pair().await;
    anna.deliver(ben.id(), "one").await;
    let (id, config) = (ben.id(), ben.config.clone());
    let addresses = ben.peer.addresses();
    let Node { peer, .. } = ben;
    peer.shutdown().await;
    let queued = anna.send(id, "two").await.unwrap();
    assert_eq!(queued.state(), DeliveryState::Queued);
    assert!(queued.reason.contains("ben"), "{}", queued.reason);
    let mut config = config;
    let data = tempfile::tempdir().unwrap();
    // The same identity on another disk: what it once acknowledged is lost there, and sent again.
    copy(&config.data.join("identity"), &data.path().join("identity"));
    config.data = data.path().to_owned();
    config.ports.greeting = peer::Port::Exact(addresses.greeting.port());
    let mut ben = start_with(config).await;
    assert_eq!(ben.id(), id);
    eventually("both arrive, in order", async || (ben.texts().await == ["one", "two"]).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_keeps_the_history_and_its_states() {
    let (mut anna, mut ben) = pair().await;
    anna.deliver(ben.id(), "one").await;
    ben.deliver(anna.id(), "two").await;
    let before = anna.inbox().await;
    let mut anna = anna.restart().await;
    assert_eq!(anna.inbox().await, before);
    anna.deliver(ben.id(), "three").await;
    assert_eq!(ben.texts().await, ["one", "two", "three"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_of_the_inbox_sees_each_message_and_each_change_of_state() {
    let (mut anna, mut ben) = pair().await;
    let mut stream = anna.follow().await;
    anna.deliver(ben.id(), "one").await;
    let request = MarkReadRequest { peer: "anna".into(), ..MarkReadRequest::default() };
    assert_eq!(ben.client.mark_read(request).await.unwrap().into_inner().marked, 1);
    let mut states = Vec::new();
    while states.last() != Some(&DeliveryState::Read) {
        let item = tokio::time::timeout(LIMIT, stream.message()).await.unwrap().unwrap().unwrap();
        assert_eq!(item.text, "one");
        states.push(item.state());
    }
    // Two changes that became durable together are told as one.
    assert!(states.is_sorted(), "{states:?}");
    ben.deliver(anna.id(), "two").await;
    let item = tokio::time::timeout(LIMIT, stream.message()).await.unwrap().unwrap().unwrap();
    assert_eq!((item.text.as_str(), item.state()), ("two", DeliveryState::Received));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_was_seen_is_marked_as_read() {
    let (mut anna, mut ben) = pair().await;
    for text in ["one", "two", "three"] {
        anna.deliver(ben.id(), text).await;
    }
    let seen = ben.inbox().await.swap_remove(1);
    let request = MarkReadRequest { peer: "anna".into(), epoch: seen.epoch, through: seen.sequence };
    assert_eq!(ben.client.mark_read(request.clone()).await.unwrap().into_inner().marked, 2);
    assert_eq!(ben.client.mark_read(request.clone()).await.unwrap().into_inner().marked, 0);
    let (read, at_peer) = (DeliveryState::Read, DeliveryState::AtPeer);
    let states = async || {
        let states: Vec<_> = anna.inbox().await.iter().map(|item| item.state()).collect();
        (states[0] == read).then_some(states)
    };
    assert_eq!(eventually("anna is told", states).await, [read, read, at_peer]);
    let wrong = MarkReadRequest { epoch: vec![1; 3].into(), ..request };
    assert_eq!(ben.client.mark_read(wrong).await.unwrap_err().code(), tonic::Code::InvalidArgument);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_read_is_given_from_its_first_message_on() {
    let (mut anna, mut ben) = pair().await;
    for text in ["1", "2", "3"] {
        anna.deliver("ben", text).await;
    }
    ben.deliver("anna", "own ones are nothing to be read").await;
    let inbox = ben.inbox().await;
    let mut reader = ben.client.clone();
    let mut from = async |limit| {
        let request =
            MessagesRequest { peer: "anna".into(), unread: true, limit, ..MessagesRequest::default() };
        let found = reader.messages(request).await.unwrap().into_inner();
        let texts = found.messages.into_iter().map(|item| item.text).collect::<Vec<_>>().join(",");
        (texts, found.older, found.newer)
    };
    assert_eq!(from(2).await, ("1,2".into(), false, true));
    let read = |through| MarkReadRequest { peer: "anna".into(), epoch: inbox[0].epoch.clone(), through };
    ben.client.mark_read(read(2)).await.unwrap();
    assert_eq!(from(1).await, ("3".into(), true, true), "the third is left");
    ben.client.mark_read(read(3)).await.unwrap();
    let newest = ("own ones are nothing to be read".into(), true, false);
    assert_eq!(from(1).await, newest, "once all is read");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_of_the_inbox_is_told_that_the_peer_stops() {
    let (mut anna, _ben) = pair().await;
    let mut stream = anna.follow().await;
    let (_, end) = tokio::join!(anna.peer.shutdown(), tokio::time::timeout(LIMIT, stream.message()));
    assert_eq!(end.unwrap().unwrap_err().code(), tonic::Code::Unavailable);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_inbox_can_be_narrowed_to_one_peer_and_to_the_last_messages() {
    let (mut anna, mut ben) = pair().await;
    let mut cleo = start("cleo", &[anna.greeting()]).await;
    for text in ["one", "two", "three"] {
        ben.deliver(anna.id(), text).await;
    }
    until_online(&mut cleo, 1).await;
    cleo.deliver(anna.id(), "four").await;
    let request = InboxRequest { peer: "ben".into(), last: 2, follow: false };
    let mut stream = anna.client.inbox(request).await.unwrap().into_inner();
    let mut texts = Vec::new();
    while let Some(item) = stream.message().await.unwrap() {
        texts.push(item.text);
    }
    assert_eq!(texts, ["two", "three"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shared_name_lists_the_candidates_and_warns_of_the_other_key() {
    let (mut anna, ben) = pair().await;
    anna.deliver("ben", "one").await;
    let other = start("Ben", &[anna.greeting()]).await;
    until_online(&mut anna, 2).await;
    let exact = anna.send("BEN", "which one?").await.unwrap_err();
    assert_eq!(exact.code(), tonic::Code::FailedPrecondition);
    for id in [ben.id(), other.id()] {
        assert!(exact.message().contains(&id.to_string()), "{}", exact.message());
    }
    let prefix = ben.id().to_string()[..12].to_owned();
    anna.deliver(prefix, "two").await;
    let warnings = anna.status().await.warnings;
    assert!(warnings.iter().any(|warning| warning.contains("somebody else calls itself")), "{warnings:?}");
    let unknown = anna.send("nobody", "x").await.unwrap_err();
    assert_eq!(unknown.code(), tonic::Code::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn both_sides_compute_the_same_safety_number() {
    let (mut anna, mut ben) = pair().await;
    let request = |id: identity::NodeId| SafetyNumberRequest { peer: id.to_string() };
    let one = anna.client.safety_number(request(ben.id())).await.unwrap().into_inner();
    let two = ben.client.safety_number(request(anna.id())).await.unwrap().into_inner();
    assert_eq!(one.digits, two.digits);
}

#[tokio::test(flavor = "multi_thread")]
async fn text_out_of_bounds_is_refused_and_the_longest_arrives() {
    let (mut anna, mut ben) = pair().await;
    assert_eq!(anna.send("ben", "").await.unwrap_err().code(), tonic::Code::InvalidArgument);
    let longest = "x".repeat(64 * 1024);
    let longer = format!("{longest}x");
    assert_eq!(anna.send("ben", &longer).await.unwrap_err().code(), tonic::Code::InvalidArgument);
    let own = anna.id();
    assert_eq!(anna.send(own, "to me").await.unwrap_err().code(), tonic::Code::InvalidArgument);
    anna.deliver("ben", &longest).await;
    assert_eq!(ben.texts().await, [longest]);
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new().mode(0o700).create(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}
