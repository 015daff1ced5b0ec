//! The dispatcher in the network of its peers: bridges find it and have it wake who sleeps, and it sees who is there.

mod records;
mod sleepers;
mod waker;

use std::{path::Path, sync::Arc};

use discovery::{Announcer, Discovery, Metrics, Presence, Settings, greeting::GreetingService};
use identity::{
    Description, Network, NodeId,
    keyfile::{self, Start},
    tls::{ALPN_H2, Identity, server_config},
};
use proto::node::v1::{self, NodeKind, Ports};
use runtime::{
    TaskGroup, compressed,
    rpc::{self, AcceptLimits, PortChoice, Services, any_address, bind_tcp, tcp_incoming, tls_incoming},
};
use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
};
use tonic::service::Routes;

use self::waker::WakerService;
pub(crate) use self::{
    records::Records,
    sleepers::{Sleeping, tell_bridges},
};
use crate::{config::Membership, error::StartError, keeper::Command, ledger::now_s, limits::SHUTDOWN_GRACE};

/// Where bridges ask it to wake peers, unless that is taken.
const SECURE: u16 = 20_010;
/// Where it is greeted, likewise.
const GREETING: u16 = 20_011;
/// What reflection tells of.
const DESCRIPTORS: &[&[u8]] = &[proto::DESCRIPTORS, tonic_health::pb::FILE_DESCRIPTOR_SET];

/// The ports, taken; and what is said of them.
#[derive(Debug)]
pub(crate) struct Ground {
    secure: TcpListener,
    greeting: TcpListener,
    announcer: Announcer,
}

/// The dispatcher as a node among others. Clones are the same one.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) own: Identity,
    pub(crate) discovery: Discovery,
}

impl Ground {
    /// Takes the ports. Blocks on the disk.
    pub(crate) fn take(
        (data, name): (&Path, &str),
        membership: &Membership,
        own: &Identity,
    ) -> Result<Self, StartError> {
        let ip = membership.listen.unwrap_or_else(any_address);
        let bind = |port| bind_tcp(PortChoice::Default((ip, port).into()));
        let (secure, greeting) = (bind(SECURE)?, bind(GREETING)?);
        let port = |listener: &TcpListener| listener.local_addr().map(|address| u32::from(address.port()));
        let ports = Ports {
            secure: port(&secure).map_err(StartError::io(data))?,
            greeting: port(&greeting).map_err(StartError::io(data))?,
            ..Ports::default()
        };
        let Start { number, unkept } = keyfile::next_start(data, now_s())?;
        if let Some(why) = unkept {
            tracing::warn!(%why, "the number of this start could not be kept");
        }
        let description = v1::Description {
            kind: NodeKind::Dispatcher.into(),
            name: name.to_owned(),
            sequence: number,
            certificate: own.certificate().clone(),
            ..v1::Description::default()
        };
        let description = Description::sign(own.key(), description)?;
        let (network, homes) = (Network::named(&membership.network), Vec::new());
        let announcer = Announcer::new(own, number, Presence { network, ports, homes, description })?;
        Ok(Self { secure, greeting, announcer })
    }

    /// Lines of a port's name and its address.
    pub(crate) fn listening(&self) -> Vec<String> {
        let line =
            |name: &str, listener: &TcpListener| Some(format!("{name} {}", listener.local_addr().ok()?));
        line("secure", &self.secure).into_iter().chain(line("greeting", &self.greeting)).collect()
    }

    pub(crate) fn announcer(&self) -> Announcer {
        self.announcer.clone()
    }

    /// Begins to look for others, and to be found.
    pub(crate) fn look_around(&self, membership: &Membership, own: &Identity, group: &TaskGroup) -> Node {
        let settings = Settings {
            multicast: membership.multicast.clone(),
            bridges: membership.bridges.clone(),
            ..Settings::default()
        };
        // What is known is looked up when it is needed; nobody follows the changes.
        let (discovery, _) = Discovery::spawn(group, settings, self.announcer(), Metrics::default());
        Node { own: own.clone(), discovery }
    }

    /// Serves both ports.
    pub(crate) async fn serve(
        self,
        node: &Node,
        fellows: &[NodeId],
        commands: mpsc::Sender<Command>,
        group: &TaskGroup,
    ) -> Result<(), StartError> {
        let waker = WakerService::new(commands, node.discovery.watch(), fellows);
        let config = server_config(&node.own, ALPN_H2);
        let config = Arc::new(config.map_err(|error| StartError::Certificate(error.to_string()))?);
        let incoming = tls_incoming(group, self.secure, config, AcceptLimits::default());
        let routes = reflected(Services::default().with(waker.server()), "causeway.claim.v1.Waker").await;
        let served = rpc::serve(group.clone(), rpc::server(), routes, incoming, SHUTDOWN_GRACE);
        group.spawn(tracing::info_span!("waker"), served);

        let introducer = Arc::new(node.discovery.clone());
        let service = GreetingService::new(self.announcer, introducer, Metrics::default());
        let incoming = tcp_incoming(group, self.greeting, AcceptLimits::default());
        let routes = reflected(Services::default().with(service), "causeway.greeting.v1.Greeting").await;
        let served = rpc::serve(group.clone(), rpc::server(), routes, incoming, SHUTDOWN_GRACE);
        group.spawn(tracing::info_span!("greeting"), served);
        Ok(())
    }
}

impl Node {
    /// Has the bridges told who sleeps, as long as the group lives.
    pub(crate) fn tell_who_sleeps(&self, sleeping: watch::Receiver<Sleeping>, group: &TaskGroup) {
        let (node, end) = (self.clone(), group.token().clone());
        group.spawn(tracing::info_span!("sleepers"), async move {
            end.run_until_cancelled(tell_bridges(node, sleeping)).await;
        });
    }
}

/// A service by its name, with health and reflection.
async fn reflected(services: Services, name: &str) -> Routes {
    let (health, health_service) = tonic_health::server::health_reporter();
    health.set_service_status(name, tonic_health::ServingStatus::Serving).await;
    services.with(compressed!(health_service)).reflected(DESCRIPTORS)
}
