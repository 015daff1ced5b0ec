//! The bridge: it serves one network and joins it with others.
//!
//! Peers of its network register with it or are heard by it; it writes what it knows into an append-only log, gossips
//! that log with the bridges it is linked to, and carries peers' encrypted streams across. What it is not: it does not
//! read what peers say to each other, and it decides nothing about gossip and routes itself; that is `topology`, the
//! pure core that [`Bridge`] wraps in one actor.
//!
//! | module | contents |
//! |---|---|
//! | `bridge` | [`Bridge`]: start and shutdown |
//! | `actor` | the one task that owns the core |
//! | `keeper`, `stored_logs`, `snapshots`, `loading` | the thread that stores, and reading back |
//! | `table` | what all others read: peers, routes, bridges |
//! | `control`, `console`, `greeting`, `serve` | the gRPC services |
//! | `page` | the federation in a browser, now and then |
//! | [`past`] | looking back, also at stopped bridges and exported files |
//! | `admin`, `trust`, `link_list`, `invitation` | what an operator changes |
//! | `locals` | the peers of the own network |
//! | `explain`, `report`, `warnings` | what people are told |
//! | [`endpoint`], [`link`] | QUIC links between bridges |
//! | [`proxy`], [`stream`] | peers' way across |
//! | `waking` | peers that sleep, and who wakes them |
//! | [`limits`] | every bound |
//!
//! ```
//! # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::Duration;
//!
//! let data = tempfile::tempdir()?;
//! let config = gateway::BridgeConfig {
//!     listen: Some([127, 0, 0, 1].into()),
//!     discovery: gateway::Discovery::Off,
//!     ..gateway::BridgeConfig::new(data.path(), "cloud", "cloud network")
//! };
//! let bridge = gateway::Bridge::start(config).await?;
//! assert_eq!(bridge.network().name, "cloud network");
//! assert!(bridge.shutdown(Duration::from_secs(1)).await);
//! # Ok(()) }
//! ```

mod actor;
mod admin;
mod bridge;
mod config;
mod console;
mod control;
mod describe;
mod directory;
pub mod endpoint;
mod explain;
mod greeting;
mod hello;
mod invitation;
mod keeper;
pub mod limits;
pub mod link;
mod link_list;
mod link_url;
mod loading;
mod locals;
mod metrics;
mod network;
mod page;
pub mod past;
mod policy;
mod ports;
pub mod proxy;
mod report;
mod serve;
mod settings;
mod shared;
mod snapshots;
mod status;
mod stored_logs;
pub mod stream;
mod table;
mod trust;
mod verifier;
mod waking;
mod wall;
mod warnings;

pub use bridge::{Bridge, StartError};
pub use config::{BridgeConfig, BridgePorts, Discovery, Port};
pub use describe::DescribeError;
pub use endpoint::Congestion;
pub use link_url::{InvalidLinkUrl, LinkUrl};
pub use loading::LoadError;
pub use ports::{Addresses, PortError};
pub use settings::SettingsError;
pub use topology::Retention;
