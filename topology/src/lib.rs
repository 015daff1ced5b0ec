//! The pure core of the federation: what a bridge knows, what it says about it, and which way leads where.
//!
//! What it is: a state machine. Inputs (peers, links, frames, durability, time) go in, outputs (events to append,
//! segments to store, frames to send) come out. What it is not: it has no sockets, no disk, no clock and no ambient
//! randomness, so a journal of its inputs replays exactly, and a thousand of it run in one test.
//!
//! | module | contents |
//! |---|---|
//! | [`Core`], [`Config`], [`Now`] | the state machine and what it is given |
//! | [`Input`], [`Output`] | what goes in and out |
//! | [`View`], [`Route`], [`NoRoute`], [`Counts`] | what can be asked |
//! | [`Entry`], [`History`] | stored logs |
//! | [`Event`], [`segment`], [`frame`] | the encodings that others may implement, with their checks |
//! | [`journal`] | inputs as records, and their replay |
//! | [`past`] | what the logs say of any instant, and what changed |
//! | [`render`] | a state as a picture |
//! | [`limits`] | every bound |
//! | [`simulator`] | many bridges in virtual time |
//!
//! The algorithm and its invariants are in ALGORITHM.md beside this crate's manifest.
//!
//! ```
//! use std::time::Duration;
//! use topology::simulator::{Settings, Simulation};
//!
//! let mut simulation = Simulation::new(Settings { bridges: 3, ..Settings::default() });
//! let time = simulation.run_until(Duration::from_secs(10), Simulation::converged);
//! assert!(time.is_some(), "three bridges soon know of each other");
//! let far = simulation.nodes[2].local_peer(0).0.id();
//! simulation.run_for(Duration::from_secs(1));
//! assert!(simulation.core(0).route(&far).is_ok(), "and of each other's peers");
//! ```

mod admission;
mod config;
mod core;
mod cost;
mod counts;
mod damping;
mod event;
mod fold;
mod folding;
mod fork;
pub mod frame;
mod gossip;
mod history;
mod id;
mod input;
mod intake;
pub mod journal;
pub mod limits;
mod local;
mod logs;
mod now;
mod output;
mod own;
pub mod past;
mod policy;
mod random;
pub mod render;
mod retention;
mod route;
mod routes;
pub mod segment;
pub mod simulator;
mod timers;
mod view;

pub use config::{Config, Retention, Signer, Strict, Unsigned, Verifier};
pub use core::Core;
pub use counts::Counts;
pub use event::{BadEvent, Event};
pub use fold::{BadSnapshot, Snapshot};
pub use folding::Damaged;
pub use history::{BadEntry, Entry, History, MemoryHistory};
pub use id::{Epoch, Hash, Head, LogId, NO_HASH, WrongLength};
pub use input::{Input, LinkId, PeerSeen, Start};
pub use now::{Hlc, Now};
pub use output::{Output, Warning};
pub use policy::{Policy, Rule};
pub use route::{NoRoute, Route};
pub use view::{
    BridgeState, BridgeView, HomeView, LinkView, NetworkView, OwnView, PeerState, PeerView, View,
};
