//! Broken and silent connections, and a store that takes nothing.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use proto::control::v1::DeliveryState;
use runtime::TaskGroup;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
};

use crate::support::{Node, eventually, start, until_online};

/// A second address of a peer: 127.0.0.2 leads to 127.0.0.1, until told otherwise.
struct Forwarder {
    group: TaskGroup,
    /// Rises with each cut; connections of before end.
    cut: watch::Sender<u32>,
    frozen: watch::Sender<bool>,
}

impl Forwarder {
    async fn to(node: &Node) -> Self {
        let forwarder =
            Self { group: TaskGroup::new(), cut: watch::channel(0).0, frozen: watch::channel(false).0 };
        for address in [node.peer.addresses().secure, node.peer.addresses().greeting] {
            forwarder.forward(address).await;
        }
        forwarder
    }

    async fn forward(&self, to: SocketAddr) {
        let listener = TcpListener::bind(second(to)).await.unwrap();
        let (group, cut, frozen) =
            (self.group.clone(), self.cut.subscribe(), Arc::new(self.frozen.subscribe()));
        let tasks = group.clone();
        group.spawn(tracing::Span::none(), async move {
            loop {
                let accepted = tokio::select! {
                    () = tasks.cancelled() => return,
                    accepted = listener.accept() => accepted,
                };
                let (mut inner, mut cut, frozen) = (accepted.unwrap().0, cut.clone(), Arc::clone(&frozen));
                cut.borrow_and_update();
                let token = tasks.token().clone();
                tasks.spawn(tracing::Span::none(), async move {
                    let mut frozen = watch::Receiver::clone(&frozen);
                    let freeze = async move { frozen.wait_for(|frozen| *frozen).await.is_ok() };
                    let mut outer = TcpStream::connect(to).await.unwrap();
                    let hold = tokio::select! {
                        () = token.cancelled() => false,
                        _ = cut.changed() => false,
                        _ = copy_bidirectional(&mut inner, &mut outer) => false,
                        hold = freeze => hold,
                    };
                    if hold {
                        // Held open, and nothing passes any more.
                        let _ = cut.changed().await;
                    }
                });
            }
        });
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        self.group.abort();
    }
}

fn second(address: SocketAddr) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::new(127, 0, 0, 2), address.port()))
}

async fn forwarded_pair() -> (Node, Node, Forwarder) {
    let ben = start("ben", &[]).await;
    let forwarder = Forwarder::to(&ben).await;
    let mut anna = start("anna", &[second(ben.greeting())]).await;
    until_online(&mut anna, 1).await;
    (anna, ben, forwarder)
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_go_on_after_each_cut_of_the_connection_in_order_and_once() {
    let (mut anna, mut ben, forwarder) = forwarded_pair().await;
    let id = ben.id();
    let mut sent = Vec::new();
    for round in 0..5 {
        for message in 0..20 {
            sent.push(format!("{round}.{message}"));
            anna.send(id, sent.last().unwrap()).await.unwrap();
        }
        forwarder.cut.send_modify(|cuts| *cuts += 1);
    }
    eventually("everything arrives", async || (ben.inbox().await.len() >= sent.len()).then_some(())).await;
    assert_eq!(ben.texts().await, sent);
    eventually("everything is acknowledged", async || (anna.status().await.queued == 0).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_goes_silent_is_noticed_and_replaced() {
    let (mut anna, mut ben, forwarder) = forwarded_pair().await;
    anna.deliver(ben.id(), "one").await;
    forwarder.frozen.send_replace(true);
    let sent = anna.send(ben.id(), "two").await.unwrap();
    assert_eq!(sent.state(), DeliveryState::Queued);
    eventually("the silence is noticed", async || anna.status().await.sessions.is_empty().then_some(()))
        .await;
    assert_eq!(ben.texts().await, ["one"]);
    forwarder.frozen.send_replace(false);
    eventually("it arrives", async || (ben.texts().await == ["one", "two"]).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_takes_nothing_refuses_to_send_and_goes_on_to_be_read() {
    let ben = start("ben", &[]).await;
    let mut anna = start("anna", &[ben.greeting()]).await;
    until_online(&mut anna, 1).await;
    anna.deliver("ben", "one").await;
    let ben_id = ben.id();
    // More than any disk has free.
    let mut full = ben;
    full.config.reserve = u64::MAX / 4;
    let mut full = full.restart().await;
    assert_eq!(full.texts().await, ["one"]);
    let refused = full.send(anna.id(), "two").await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::ResourceExhausted);
    assert!(refused.message().contains("disk is full"), "{}", refused.message());
    let warnings = full.status().await.warnings;
    assert!(warnings.iter().any(|warning| warning.contains("disk is full")), "{warnings:?}");
    let queued = anna.send(ben_id, "three").await.unwrap();
    assert_eq!(queued.state(), DeliveryState::Queued);
    eventually("anna is told why", async || {
        let item = anna.inbox().await.pop().unwrap();
        assert_eq!(item.state(), DeliveryState::Queued);
        item.reason.contains("cannot store messages at present").then_some(())
    })
    .await;
    full.config.reserve = storage::Options::default().reserve;
    let mut ben = full.restart().await;
    eventually("it arrives", async || (ben.texts().await == ["one", "three"]).then_some(())).await;
}
