//! One known node, and the ways to it.

use std::{
    net::{IpAddr, SocketAddr, SocketAddrV6},
    sync::Arc,
};

use identity::{Announcement, Description, Network, NodeId};
use proto::node::v1::{NodeKind, Ports};

/// Where knowledge of a node comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum SourceKind {
    /// A datagram that came from the address.
    Multicast,
    /// The node connected from the address to this node's greeting port.
    Greeting,
    /// The node connected from the address to this bridge's control port, under mutual TLS.
    Registration,
    /// A person gave the address.
    Fixed,
    /// Another node named the address, and the node answered a greeting there.
    Hint,
}

/// An address of a neighbour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownAddress {
    /// The address.
    pub ip: IpAddr,
    /// The index of the interface, for link-local IPv6 addresses; else 0.
    pub scope: u32,
    /// The name of the interface on which it was heard, where that is known.
    pub interface: Option<Arc<str>>,
    /// How it became known.
    pub source: SourceKind,
}

/// The ports of a bridge as this node reaches them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BridgeEnd {
    /// The bridge.
    pub id: NodeId,
    /// Its control port.
    pub control: SocketAddr,
    /// Its way across: TLS connections for remote peers.
    pub proxy: SocketAddr,
    /// Where it greets, for its remote peers too.
    pub greeting: SocketAddr,
}

/// A way to a remote peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The local bridge, first of [`Route::hops`].
    pub via: Arc<BridgeEnd>,
    /// The bridges on the way, the local one first, the home last.
    pub hops: Vec<NodeId>,
    /// Expected delay in microseconds.
    pub cost_us: u64,
    /// The network of the home bridge.
    pub network: Network,
    /// The peer sleeps; the bridge's control port can have it woken.
    pub asleep: bool,
}

/// A node that was heard, or that a bridge reaches. Immutable: a change makes a new one.
#[derive(Debug, Clone, PartialEq)]
pub struct Neighbour {
    /// The newest verified announcement.
    pub announcement: Announcement,
    /// The description, once a greeting or a bridge brought it.
    pub description: Option<Description>,
    /// Where it is reached directly, the one learned last at the front. Empty: only through bridges.
    pub addresses: Vec<KnownAddress>,
    /// Ways through bridges, the cheapest first.
    pub routes: Vec<Route>,
}

impl SourceKind {
    /// A short name for metrics and tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Multicast => "multicast",
            Self::Greeting => "greeting",
            Self::Registration => "registration",
            Self::Fixed => "fixed",
            Self::Hint => "hint",
        }
    }
}

impl KnownAddress {
    /// The address of a socket, IPv4 in the clothes of IPv6 undressed.
    pub fn of(socket: SocketAddr, source: SourceKind) -> Self {
        let (ip, scope) = match socket {
            SocketAddr::V4(v4) => (IpAddr::V4(*v4.ip()), 0),
            SocketAddr::V6(v6) => (v6.ip().to_canonical(), v6.scope_id()),
        };
        Self { ip, scope, interface: None, source }
    }

    /// With a port of the neighbour.
    pub fn with_port(&self, port: u16) -> SocketAddr {
        match self.ip {
            IpAddr::V4(ip) => SocketAddr::from((ip, port)),
            IpAddr::V6(ip) => SocketAddrV6::new(ip, port, 0, self.scope).into(),
        }
    }

    /// The node itself spoke from this address. Only to such addresses may a bridge dial on behalf of others.
    pub const fn was_heard(&self) -> bool {
        matches!(self.source, SourceKind::Multicast | SourceKind::Greeting | SourceKind::Registration)
    }
}

impl Neighbour {
    /// Whose entry this is.
    pub fn id(&self) -> NodeId {
        self.announcement.id()
    }

    /// What the node is.
    pub fn kind(&self) -> NodeKind {
        self.announcement.kind()
    }

    /// The network that the node says it is in.
    pub fn network(&self) -> &Network {
        self.announcement.network()
    }

    /// Its name, once its description is known. For people; never an identity.
    pub fn name(&self) -> Option<&str> {
        self.description.as_ref().map(Description::name)
    }

    /// It is in this network, and can be dialled without a bridge.
    pub fn is_direct(&self) -> bool {
        !self.addresses.is_empty()
    }

    /// The description is known, and is the one that the announcement names.
    pub fn is_described(&self) -> bool {
        let wanted = self.announcement.description_hash();
        self.description.as_ref().is_some_and(|description| description.hash() == wanted)
    }

    /// Its direct addresses with one of its ports, such as `|ports| ports.secure`. Empty when it does not listen there.
    pub fn at(&self, port: impl FnOnce(&Ports) -> u32) -> Vec<SocketAddr> {
        match u16::try_from(port(self.announcement.ports())) {
            Ok(port) if port > 0 => self.addresses.iter().map(|known| known.with_port(port)).collect(),
            _ => Vec::new(),
        }
    }

    /// Like [`Neighbour::at`], but only the addresses to which a bridge may dial on behalf of others: those from which
    /// the node itself was heard.
    pub fn heard_at(&self, port: impl FnOnce(&Ports) -> u32) -> Vec<SocketAddr> {
        match u16::try_from(port(self.announcement.ports())) {
            Ok(port) if port > 0 => {
                let heard = self.addresses.iter().filter(|known| known.was_heard());
                heard.map(|known| known.with_port(port)).collect()
            }
            _ => Vec::new(),
        }
    }
}
