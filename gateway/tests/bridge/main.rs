//! Whole bridges with real sockets on loopback: registration, gossip, trust, invitations, restarts, drains.

mod drain;
mod explain;
mod federation;
mod flood;
mod invitations;
mod journal;
mod operators;
mod restart;
mod start;
mod support;
mod trust;
