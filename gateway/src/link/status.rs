//! How links are, for people.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use identity::{Description, Network, NodeId};

/// What a link is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkState {
    /// Both connections are up.
    Up,
    /// A dial is under way.
    Connecting,
    /// The next dial comes after a wait.
    Waiting,
    /// The other side does not trust this bridge, or this one not the other.
    Refused,
}

/// One link, configured or come from the other side.
#[derive(Debug, Clone)]
pub struct LinkStatus {
    /// The other bridge.
    pub bridge: NodeId,
    /// As configured, or where the other side dialled from.
    pub address: String,
    /// What it is doing.
    pub state: LinkState,
    /// Since when.
    pub since: SystemTime,
    /// Why it is not up; empty when it is.
    pub reason: String,
    /// It is on the list of links to dial.
    pub configured: bool,
    /// This side dialled the run that is up.
    pub dialled: bool,
    /// The run that is up.
    pub connection: Option<u64>,
    /// What the other side said of itself when it was last up.
    pub description: Option<Description>,
    /// The network it said it serves.
    pub network: Option<Network>,
    /// The round trip; zero when not up.
    pub rtt: Duration,
    /// Bytes of UDP payload received since it came up.
    pub bytes_in: u64,
    /// Bytes of UDP payload sent since it came up.
    pub bytes_out: u64,
}

impl LinkState {
    /// As the control interface names it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Connecting => "connecting",
            Self::Waiting => "waiting",
            Self::Refused => "refused",
        }
    }
}

impl fmt::Display for LinkState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
