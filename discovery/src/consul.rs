//! Consul: a small client of what a node needs of it, and the words in which nodes stand in its catalog.
//!
//! It speaks HTTP/1.1 in plain TCP with the agent of this machine, or of this node's own network; what leaves the machine
//! is that agent's affair, and so is TLS. Every request has a time-out and every answer a bound.
//!
//! | module | contents |
//! |---|---|
//! | [`ConsulUrl`], [`Token`], [`Client`] | where the agent is, what it wants to see, and how it is asked |
//! | [`Service`], [`Check`] | what is registered |
//! | [`Follower`], [`Instance`] | who is registered, and how that changes: blocking queries |
//! | [`Entry`] | one key of the key-value store; compare-and-set |
//! | [`Keeping`] | keeps a registration up, whatever happens to the agent |
//! | [`catalog`] | the services, tags and metadata of Causeway, and how to read them |
//! | [`route`] | how Traefik is told of pages |
//!
//! Nothing that is read here is believed: a catalog's word of a node is a hint, and greeted.

pub mod catalog;
mod client;
mod error;
mod health;
mod keeping;
mod kv;
pub mod route;
mod service;
mod token;
mod url;

pub use client::Client;
pub use error::ConsulError;
pub use health::{Follower, Instance};
pub use keeping::Keeping;
pub use kv::Entry;
pub use service::{Check, Service};
pub use token::Token;
pub use url::{ConsulUrl, InvalidConsulUrl};

/// Where Consul is and what it wants to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsulSettings {
    /// The agent.
    pub url: ConsulUrl,
    /// The token of its access control.
    pub token: Token,
}
