//! One peer that was talked to, or is about to be.

use crate::{inbound::Inbound, outbound::Outbound};

/// Everything that the history says about one peer.
#[derive(Debug, Default)]
pub(crate) struct Contact {
    /// As last seen; empty when never.
    pub(crate) name: String,
    /// A message went to or came from it.
    pub(crate) pinned: bool,
    /// The person compared the safety number.
    pub(crate) verified: bool,
    /// The person wants nothing from it.
    pub(crate) blocked: bool,
    pub(crate) outbound: Outbound,
    pub(crate) inbound: Inbound,
}
