//! Whole bridges with real sockets on loopback: registration, gossip, trust, invitations, restarts, drains.

#![expect(clippy::unwrap_used, reason = "tests")]

mod asleep;
mod convergence;
mod crowded;
mod discovered;
mod drain;
mod explain;
mod federation;
mod flood;
mod full_disk;
mod invitations;
mod journal;
mod journals;
mod metrics;
mod operators;
mod past;
mod policy;
mod proxy;
mod registering;
mod restart;
mod retention;
mod start;
mod support;
mod trust;
