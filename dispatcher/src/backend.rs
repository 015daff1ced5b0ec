//! Where the peers run.

mod proc;
pub(crate) mod process;
pub(crate) mod swarm;

use std::net::SocketAddr;

use identity::NodeId;

/// A peer that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Running {
    pub(crate) node: NodeId,
    /// Where claims are made.
    pub(crate) secure: SocketAddr,
    /// Where its page is.
    pub(crate) page: SocketAddr,
    pub(crate) instance: Instance,
}

/// What runs just now, and is another one after every start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Instance {
    /// The id of a process of this machine.
    Process(u32),
    Container(swarm::ContainerId),
    /// Whatever another dispatcher runs.
    Elsewhere,
}

/// What runs peers. Each has a number, and keeps what it has under that number: identity, history, claim.
#[tonic::async_trait]
pub(crate) trait Backend: Send + Sync + 'static {
    /// Why no peer can be started just now, as far as that is known without trying; a sentence for a person.
    fn obstacle(&self) -> Option<String> {
        None
    }

    /// Starts a peer, or finds it running; it is ready on return. `known` is who it was so far. The error is a sentence for a
    /// person.
    async fn start(&self, number: u64, known: Option<NodeId>) -> Result<Running, String>;

    /// Stops a peer in good order, or kills it; it does not run on return.
    async fn stop(&self, number: u64) -> Result<(), String>;

    /// Stops a peer and removes everything of it.
    async fn remove(&self, number: u64) -> Result<(), String>;

    /// Numbers under which something is kept.
    async fn numbers(&self) -> Result<Vec<u64>, String>;

    /// Whether it still runs, as far as that can be seen without asking it.
    fn is_alive(&self, number: u64, running: &Running) -> bool;

    /// KiB of memory that are resident, as far as that can be seen without asking it.
    fn resident_kib(&self, _running: &Running) -> Option<u64> {
        None
    }
}
