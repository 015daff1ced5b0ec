//! How the nodes of one network find each other.
//!
//! Several sources tell of nodes: UDP multicast, fixed addresses, the bridges that this node registers with, Consul. Each
//! sends what it learns into one bounded channel; one actor keeps the table of neighbours from it, greets those whose
//! description is not known yet, and tells its owner what changed. Whatever is signed is verified before it gets there.
//!
//! What it is not: any decision on what to do with a neighbour. Sessions, routes and logs are others' affairs.
//!
//! | module | contents |
//! |---|---|
//! | [`Discovery`], [`Settings`], [`Event`], [`Snapshot`] | the running discovery of a node and what it tells |
//! | [`Neighbour`], [`KnownAddress`], [`Route`] | one known node, and the ways to it |
//! | [`Announcer`], [`Presence`] | the node's own signed announcement |
//! | [`greeting`] | the exchange of descriptions that did not come along in a datagram: client, race over several addresses, server |
//! | [`source`] | the trait of all sources, and one file each |
//! | [`consul`] | a small client of Consul, and how nodes stand in its catalog |
//! | [`neighbours`] | the table of leases: pure, time as argument |
//! | [`datagram`] | what one UDP datagram carries |
//! | [`addresses`] | which addresses may be dialled for whom |
//! | [`doctor`] | whether discovery works on this machine, and what to do if not |
//! | [`limits`] | every bound of this crate |
//! | [`Metrics`] | what is counted |
//!
//! ```
//! # use discovery::{Announcer, Discovery, Event, Metrics, Presence, Settings};
//! # use identity::{Description, Network, tls::Identity};
//! # use proto::node::v1::{self, NodeKind, Ports};
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let identity = Identity::ephemeral()?;
//! let description = Description::sign(identity.key(), v1::Description {
//!     kind: NodeKind::Peer.into(),
//!     name: "anna".into(),
//!     certificate: identity.certificate().clone(),
//!     ..Default::default()
//! })?;
//! let announcer = Announcer::new(&identity, 1, Presence {
//!     network: Network::named("home"),
//!     ports: Ports { secure: 30_000, greeting: 30_001, ..Ports::default() },
//!     homes: Vec::new(),
//!     description,
//! })?;
//! let group = runtime::TaskGroup::new();
//! let settings = Settings { multicast: None, ..Settings::default() };
//! let (discovery, mut events) = Discovery::spawn(&group, settings, announcer, Metrics::default());
//! assert!(discovery.snapshot().neighbours.is_empty());
//! discovery.shutdown().await;
//! assert!(events.recv().await.is_none());
//! # Ok(()) }
//! ```

pub mod addresses;
mod announcer;
pub mod consul;
pub mod datagram;
mod dialler;
mod discovery;
pub mod doctor;
mod event;
pub mod greeting;
pub mod limits;
mod metrics;
mod neighbour;
pub mod neighbours;
mod settings;
pub mod source;
mod target;
#[cfg(test)]
mod testing;

pub use announcer::{Announcer, Presence};
pub use discovery::Discovery;
pub use event::{BridgeState, BridgeStatus, Event, GoneReason, HeardNetwork, OwnAddress, Snapshot};
pub use metrics::Metrics;
pub use neighbour::{BridgeEnd, KnownAddress, Neighbour, Route, SourceKind};
pub use settings::{DEFAULT_PORT, MulticastSettings, Settings};
pub use target::{InvalidTarget, Target};
