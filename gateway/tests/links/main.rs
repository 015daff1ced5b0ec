//! Links and the way across, on real sockets.

#![expect(clippy::unwrap_used, reason = "tests")]

mod attacks;
mod bridge;
mod calls;
mod crossing;
mod directory;
mod forwarder;
mod linking;
mod quotas;
mod refusals;
mod stalls;
mod strangers;
mod waiting;
