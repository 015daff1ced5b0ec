//! Links and the way across, on real sockets.

mod attacks;
mod bridge;
mod crossing;
mod forwarder;
mod linking;
mod refusals;
mod stalls;
mod strangers;
