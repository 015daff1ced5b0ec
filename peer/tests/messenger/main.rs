//! Two and more peers on real sockets of this machine.

mod chatting;
mod failures;
mod lies;
mod stranger;
mod support;
