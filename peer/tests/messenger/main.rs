//! Two and more peers on real sockets of this machine.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod chatting;
mod damage;
mod disk;
mod failures;
mod hosting;
mod lies;
mod restarting;
mod stranger;
mod support;
