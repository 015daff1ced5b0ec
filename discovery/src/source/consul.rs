//! Consul's catalog: this node registers itself, and greets those of its network that it finds there.
//!
//! What the catalog says of a node is a hint, dialled as any other and believed after its greeting: whoever may write
//! there can make nodes greet addresses at a bounded pace, and nothing else. The signed announcement is not in the catalog
//! but in the greeting: it has to be fresh to count, and a catalog in which all nodes write every few seconds would be
//! busy with nothing else.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use identity::NodeId;
use runtime::Backoff;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use tracing::info_span;

use super::{Outlet, Report, Source};
use crate::{
    addresses::{HintOrigin, Subnet, may_follow_hint},
    consul::{
        Client, ConsulError, ConsulSettings, Follower, Instance, Keeping,
        catalog::{self, ListedNode},
    },
    limits::{CONSUL_HINT_EVERY, CONSUL_PACE, CONSUL_RETRY, MAX_NEARBY},
};

/// The tag of those that are greeted first, for they know the others.
const FIRST: &str = "bridge";
/// Every address may be another node's, for the catalog is the operator's own.
const EVERYWHERE: [Subnet; 2] = [
    Subnet { address: IpAddr::V4(Ipv4Addr::UNSPECIFIED), prefix: 0 },
    Subnet { address: IpAddr::V6(Ipv6Addr::UNSPECIFIED), prefix: 0 },
];

/// Registers a node and finds others, until it is cancelled.
#[derive(Debug)]
pub struct Consul {
    client: Client,
    listen: IpAddr,
}

impl Consul {
    /// For a node that listens on this address.
    pub const fn new(settings: ConsulSettings, listen: IpAddr) -> Self {
        Self { client: Client::new(settings), listen }
    }
}

impl Source for Consul {
    fn name(&self) -> &'static str {
        "consul"
    }

    async fn run(self, outlet: Outlet) {
        let search = Search::new(self.client.clone(), outlet.clone());
        outlet.group().spawn(info_span!("search"), search.run());
        let announcer = outlet.announcer().clone();
        let changes = announcer.changes();
        let listen = self.listen;
        let service = move |from| catalog::node(&announcer.current(), listen, from);
        Keeping::new(self.client, service, changes).run(outlet.token()).await;
    }
}

/// Looks for others.
struct Search {
    client: Client,
    outlet: Outlet,
    follower: Follower,
    backoff: Backoff,
    /// This node's address on the way to the agent.
    from: Option<IpAddr>,
    /// Whom to greet, those first that matter most.
    found: Vec<ListedNode>,
    troubled: bool,
}

impl Search {
    fn new(client: Client, outlet: Outlet) -> Self {
        let follower = Follower::new(client.clone(), catalog::NODES, None);
        let backoff = Backoff::new(CONSUL_RETRY.0, CONSUL_RETRY.1);
        Self { client, outlet, follower, backoff, from: None, found: Vec::new(), troubled: false }
    }

    async fn run(mut self) {
        let token = self.outlet.token().clone();
        token.run_until_cancelled(self.search()).await;
    }

    async fn search(&mut self) {
        // A hint counts for a lease: all of them again and again, also while Consul is away.
        let mut hints = interval(CONSUL_HINT_EVERY);
        hints.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut pause = Instant::now();
        loop {
            let outcome = {
                let mut asked = std::pin::pin!(ask(&self.client, &mut self.from, &mut self.follower, pause));
                loop {
                    tokio::select! {
                        outcome = &mut asked => break outcome,
                        _ = hints.tick() => hint(&self.found, &self.outlet),
                    }
                }
            };
            let wait = match outcome {
                Ok(instances) => {
                    self.on_found(&instances);
                    CONSUL_PACE
                }
                Err(error) => self.on_trouble(&error),
            };
            pause = Instant::now() + wait;
        }
    }

    fn on_found(&mut self, instances: &[Instance]) {
        self.backoff.reset();
        if std::mem::take(&mut self.troubled) {
            tracing::info!("Consul's catalog is read again");
        }
        let announcer = self.outlet.announcer();
        let (own, network) = (announcer.id(), announcer.network().name);
        let origin = self.from.map(|from| HintOrigin { from, subnets: &EVERYWHERE });
        let mut found: Vec<_> = instances
            .iter()
            .filter_map(|instance| {
                Some((!instance.tags.iter().any(|tag| tag == FIRST), ListedNode::read(instance)?))
            })
            .filter(|(_, node)| node.id != own && node.network == network)
            .filter(|(_, node)| origin.is_some_and(|origin| may_follow_hint(node.greeting.ip(), origin)))
            .collect();
        // Where there are too many for one node, each takes others.
        found.sort_by_key(|(later, node)| (*later, distance(own, node.id)));
        found.truncate(MAX_NEARBY);
        self.found = found.into_iter().map(|(_, node)| node).collect();
        hint(&self.found, &self.outlet);
    }

    /// Said once, until the catalog is read again. What is known stays known.
    fn on_trouble(&mut self, error: &ConsulError) -> std::time::Duration {
        self.from = None;
        if std::mem::replace(&mut self.troubled, true) {
            tracing::debug!(%error, "Consul's catalog cannot be read");
        } else {
            tracing::warn!(%error, "Consul's catalog cannot be read; trying on");
        }
        self.backoff.next()
    }
}

async fn ask(
    client: &Client,
    from: &mut Option<IpAddr>,
    follower: &mut Follower,
    not_before: Instant,
) -> Result<Vec<Instance>, ConsulError> {
    sleep_until(not_before).await;
    if from.is_none() {
        *from = Some(client.own_address().await?);
    }
    follower.next().await
}

fn hint(found: &[ListedNode], outlet: &Outlet) {
    for node in found {
        // When there is no room now: it comes again.
        let hinted = Report::Hinted { id: node.id, address: node.greeting, answers: false };
        let _ = outlet.try_report(hinted);
    }
}

fn distance(one: NodeId, other: NodeId) -> Vec<u8> {
    one.as_bytes().iter().zip(other.as_bytes()).map(|(one, other)| one ^ other).collect()
}
