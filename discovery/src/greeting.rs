//! The greeting: how nodes exchange descriptions, and with them certificates, before the first TLS connection.
//!
//! It travels without TLS: everything in it is signed by its author. It proves that somebody handed over records of a
//! node, not that the node itself is at that address; that is what the TLS connection afterwards proves.

mod client;
mod race;
mod server;

pub use client::{GreetError, Greeted, greet, greet_any};
pub use race::race;
pub use server::{GreetingService, Known, Met, Nobody, Resolver};
