//! The local control socket: what the command line asks of this bridge. Whoever may open the data directory is the
//! owner.

mod bridge;
mod node;
mod policy;

pub(crate) use bridge::BridgeConsole;
pub(crate) use node::NodeConsole;
