//! Real nodes on real sockets of this machine.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod bridge;
mod doctor;
mod greeting;
mod lies;
mod multicast;
mod node;
mod own_network;
mod test_bridge;
