//! The messenger: sessions, outbox, inbox and local control.
//!
//! [`Peer::start`] binds the ports, opens the history, finds others through `discovery` and keeps one session with each
//! peer it has something to say to: directly where that is possible, else through a bridge, and it moves the session when
//! a better way appears. What is said when, and exactly once, is decided by `conversation`; this crate does the IO around it.
//!
//! What it is not: the command line and the terminal screen, which ask over the local control socket. The page is here.
//!
//! | module | contents |
//! |---|---|
//! | [`Peer`], [`PeerConfig`], [`StartError`] | a running peer and what it is told at its start |
//! | `actor` | the one owner of conversation, sessions and dials |
//! | `writer` | group commit without blocking the actor |
//! | `session` | one stream: reading, liveness, its end |
//! | `away` | who is not there, since when and why |
//! | `path`, `dial` | the ways to a peer and how they are tried |
//! | `reader` | the history for readers: parts of it, what is new, search |
//! | `control` | the services of the local control socket |
//! | `page` | the page in the browser, and its links |
//! | `hosting` | what makes a peer that a dispatcher keeps one person's |
//! | `checkpoint` | what saves a start reading the whole history |
//! | `opening`, `notes` | what lies on the disk, and what the start has to tell |
//! | `server` | the ports |
//! | [`limits`] | every bound |
//!
//! ```
//! # #[tokio::main(flavor = "multi_thread", worker_threads = 1)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use peer::{Discovery, Peer, PeerConfig, PeerPorts, Port, Ui};
//!
//! let data = tempfile::tempdir()?;
//! let mut config = PeerConfig::new(data.path(), "anna", "home");
//! config.listen = Some([127, 0, 0, 1].into());
//! config.ports = PeerPorts::all(Port::Exact(0));
//! config.discovery = Discovery::Off;
//! config.ui = Ui::Off;
//! let anna = Peer::start(config).await?;
//! println!("{} listens on {}", anna.id(), anna.addresses().secure);
//! anna.shutdown().await;
//! # Ok(()) }
//! ```

mod actor;
mod away;
mod catalog;
mod chat;
mod checkpoint;
mod command;
mod config;
mod control;
mod dial;
mod error;
mod history;
mod hosting;
pub mod limits;
mod metrics;
mod naming;
mod notes;
mod opening;
mod page;
mod path;
mod peer;
mod ports;
mod reader;
mod record;
mod server;
mod session;
mod wall;
mod writer;

pub use config::{Discovery, PeerConfig, PeerPorts, Port, Ui};
pub use discovery::{InvalidTarget, Target};
pub use error::StartError;
pub use hosting::{Hosting, VACANT};
pub use peer::Peer;
pub use ports::{Addresses, PortError};
