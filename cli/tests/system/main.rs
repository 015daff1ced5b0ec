//! Black-box tests on the built program: its commands, its promises under kill -9, and whole networks of it.
//!
//! One test program for all of it, so that the support is compiled and linked once. `namespaces::` needs root, `ip` and
//! `nft`, and `swarm::` a Docker engine, too; without them those tests say so and are skipped, and fail where `CI` is set.

#![expect(
    clippy::unwrap_used,
    reason = "in a test a broken expectation is a failure, wherever it is noticed"
)]

mod clocks;
mod commands;
mod consul;
mod demo;
mod dispatching;
mod kills;
mod messenger;
mod namespaces;
mod page;
mod services;
mod support;
mod swarm;
mod traces;
