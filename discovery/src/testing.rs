//! Nodes for the inline tests.

use identity::{Description, Network, NodeKey, tls::Identity};
use proto::node::v1::{self, NodeKind, Ports};

use crate::{Announcer, Presence};

/// A peer of the seed, in a network of this name, at its first start.
pub(crate) fn announcer(seed: u8, network: &str) -> Announcer {
    announcer_of(NodeKey::from_seed([seed; 32]), NodeKind::Peer, Network::named(network), 1)
}

pub(crate) fn announcer_of(key: NodeKey, kind: NodeKind, network: Network, start: u64) -> Announcer {
    let identity = Identity::of_key(key).unwrap();
    let description = v1::Description {
        kind: kind.into(),
        name: format!("node {}", identity.id().short()),
        certificate: identity.certificate().clone(),
        ..v1::Description::default()
    };
    let description = Description::sign(identity.key(), description).unwrap();
    let ports = Ports { secure: 30_000, greeting: 30_001, control: 30_012, ..Ports::default() };
    Announcer::new(&identity, start, Presence { network, ports, homes: Vec::new(), description }).unwrap()
}
