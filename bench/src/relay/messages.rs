//! Real peers: durable messages between two in one network, and between two networks.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::ensure;
use identity::NodeId;
use proto::{
    bridge::v1::PeersRequest,
    control::v1::{DeliveryState, SendRequest},
};
use tokio::task::JoinSet;

use super::{
    Pair, Scale, Site, Table, Target,
    latency::{microseconds, percentile},
    node::Node,
    until,
};

/// Messages sent one after the other, each waiting for its delivery, in one round of one way.
const ONE_BY_ONE: usize = 50;
/// Messages sent by many at once in one round of one way.
const AT_ONCE_TOTAL: usize = 1_000;
/// Senders at once.
const SENDERS: usize = 64;
/// Alternations between the two ways.
const ROUNDS: usize = 5;
/// By then a peer that was just started has nothing left to do but to announce itself.
const IDLE: Duration = Duration::from_secs(5);
/// How long a delivery may take, milliseconds.
const WAIT_MS: u32 = 30_000;

/// Two peers at home, one in the cloud.
#[derive(Debug)]
pub(super) struct People {
    anna: Node,
    ben: Node,
    carla: Node,
}

impl People {
    /// Starts them and waits until Anna knows the two others.
    pub(super) async fn start(site: &Site, program: &Path) -> anyhow::Result<Self> {
        let start = async |name: &str, network: &str| {
            let arguments = ["peer", "--name", name, "--network", network];
            Node::start(program, &site.folder.join(name), &arguments).await
        };
        let anna = start("anna", &site.networks[0]).await?;
        let ben = start("ben", &site.networks[0]).await?;
        let carla = start("carla", &site.networks[1]).await?;
        for other in [ben.id(), carla.id()] {
            until("anna knows the others", || online(&anna, other)).await?;
        }
        Ok(Self { anna, ben, carla })
    }

    /// Somebody who sees who comes.
    pub(super) const fn observer(&self) -> &Node {
        &self.anna
    }

    /// What a peer that has nothing to do takes.
    pub(super) async fn measure_idle(&self, scale: Scale, table: &mut Table) -> anyhow::Result<()> {
        println!("an idle peer...");
        tokio::time::sleep(if scale.quick { IDLE / 5 } else { IDLE }).await;
        table.figure(
            "idle peer, resident",
            "MiB",
            self.ben.resident_kib()? / 1024.0,
            Some(Target::AtMost(12.0)),
        );
        Ok(())
    }

    /// Durable messages: the time until each is stored at the peer, and how many are in a second.
    pub(super) async fn measure(&self, scale: Scale, table: &mut Table) -> anyhow::Result<()> {
        println!("durable messages between real peers...");
        let (near, far) = (self.ben.id(), self.carla.id());
        self.deliver(near).await?;
        self.deliver(far).await?;
        let (mut direct, mut relayed) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            for _ in 0..scale.of(ONE_BY_ONE) {
                direct.push(microseconds(self.deliver(near).await?));
                relayed.push(microseconds(self.deliver(far).await?));
            }
        }
        for (name, share) in [("p50", 0.5), ("p99", 0.99)] {
            let pair =
                Pair { direct: percentile(&mut direct, share), relayed: percentile(&mut relayed, share) };
            table.pair(&format!("message, durable at both ends, {name}"), "us", pair, None);
        }
        let (mut direct, mut relayed) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            direct.push(self.rate(near, scale.of(AT_ONCE_TOTAL)).await?);
            relayed.push(self.rate(far, scale.of(AT_ONCE_TOTAL)).await?);
        }
        let pair = Pair { direct: percentile(&mut direct, 0.5), relayed: percentile(&mut relayed, 0.5) };
        table.pair("messages, durable at both ends, 64 senders", "1/s", pair, None);
        Ok(())
    }

    async fn deliver(&self, to: NodeId) -> anyhow::Result<Duration> {
        let began = Instant::now();
        send(&self.anna, to).await?;
        Ok(began.elapsed())
    }

    async fn rate(&self, to: NodeId, messages: usize) -> anyhow::Result<f64> {
        let began = Instant::now();
        let mut running = JoinSet::new();
        for _ in 0..SENDERS {
            let messenger = self.anna.messenger();
            running.spawn(async move {
                for _ in 0..messages.div_ceil(SENDERS) {
                    send_over(messenger.clone(), to).await?;
                }
                anyhow::Ok(())
            });
        }
        while let Some(ended) = running.join_next().await {
            ended??;
        }
        Ok((messages.div_ceil(SENDERS) * SENDERS) as f64 / began.elapsed().as_secs_f64())
    }
}

async fn send(from: &Node, to: NodeId) -> anyhow::Result<()> {
    send_over(from.messenger(), to).await
}

async fn send_over(
    mut messenger: proto::control::v1::messenger_client::MessengerClient<tonic::transport::Channel>,
    to: NodeId,
) -> anyhow::Result<()> {
    let request =
        SendRequest { to: to.to_string(), text: "m".repeat(256), wait_ms: WAIT_MS, ..SendRequest::default() };
    let state = messenger.send(request).await?.into_inner().message.map(|message| message.state());
    ensure!(state == Some(DeliveryState::AtPeer), "a message was not delivered: {state:?}");
    Ok(())
}

/// Whether a node knows a peer as online.
pub(super) async fn online(observer: &Node, id: NodeId) -> Option<()> {
    let peers = observer.node().peers(PeersRequest {}).await.ok()?.into_inner().peers;
    let wanted = id.to_bytes();
    peers.iter().any(|peer| peer.node_id == wanted && peer.state == "online").then_some(())
}
