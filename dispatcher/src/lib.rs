//! Web onboarding: a peer of their own for people who have only a browser.
//!
//! [`Dispatcher::start`] serves a page with one button. Whoever presses it is sent to a peer that is theirs from then on: one
//! of a few that are kept ready, or one that is made. A cookie brings them back to it tomorrow; a peer that nobody uses is
//! stopped and woken by the next visit.
//!
//! The peer is the arbiter of its claim, so a dispatcher that ends at any point strands nobody: it goes on by its log and by
//! what really runs.
//!
//! What it is not: a party to what is said. But whoever runs it holds the keys of its peers, and the page says so.
//!
//! | module | contents |
//! |---|---|
//! | [`Dispatcher`], [`DispatcherConfig`], [`Place`], [`StartError`] | a running dispatcher and what it is told at its start |
//! | `keeper` | the one owner of the kept peers |
//! | `ledger`, `register` | what is on the disk, and what it folds to |
//! | `backend` | where the peers run |
//! | `network` | the dispatcher as a node: bridges tell it whom to wake, and hear from it who sleeps |
//! | `fellows` | peers of other dispatchers, and where they are found |
//! | `claims` | what is asked of a peer |
//! | `cookie` | who a browser belongs to |
//! | `web` | the page, the login, and the pages of the peers |
//! | `proxies` | who asks, by the word of a proxy in front |
//! | `admin` | the page for whoever runs it |
//! | `control` | the local control socket |
//! | [`limits`] | every bound |
//!
//! ```no_run
//! # #[tokio::main(flavor = "multi_thread", worker_threads = 1)] async fn main() -> Result<(), dispatcher::StartError> {
//! use dispatcher::{Dispatcher, DispatcherConfig};
//!
//! let config = DispatcherConfig::new("/var/lib/causeway/dispatcher", "lobby", "cloud", "/usr/bin/causeway");
//! let dispatcher = Dispatcher::start(config).await?;
//! println!("people log in at {}", dispatcher.url());
//! # dispatcher.shutdown().await; Ok(()) }
//! ```

mod admin;
mod backend;
mod claims;
mod config;
mod control;
mod cookie;
mod dispatcher;
mod error;
mod fellows;
mod keeper;
mod ledger;
pub mod limits;
mod metrics;
mod network;
mod proxies;
mod register;
mod route;
mod web;

pub use config::{AdminPage, CatalogKind, DispatcherConfig, Membership, Place, SwarmConfig};
pub use dispatcher::Dispatcher;
pub use error::StartError;
pub use proxies::{NoSuchProxy, TrustedProxy};
