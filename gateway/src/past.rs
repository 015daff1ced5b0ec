//! Looking back: the service `causeway.topology.v1` over the logs of a running bridge, of the data directory of a stopped
//! one, or of an exported file. The answers are made in [`topology::past`]; here they are given out.

mod directory;
mod file;
pub mod json;
mod service;
mod simulate;

use std::sync::Arc;

use identity::{NodeId, NodeKey};
use proto::topology::v1::topology_server::TopologyServer;
use runtime::{TaskGroup, compressed, rpc};
use tokio::sync::watch;
use tonic::transport::Channel;
use topology::{Verifier, past::Archive};

pub use topology::{past::KINDS, render};

pub use directory::{DirectoryError, import, open_directory};
pub use file::{FileError, open_file};
pub(crate) use service::TopologyService;
pub use simulate::{DropLink, Run, SimulateError, Simulated, simulate_file};

use crate::verifier::Remembering;

/// Logs to look back at, with what a service needs to give answers about them. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Source {
    archive: Arc<dyn Archive + Send>,
    verifier: Arc<dyn Verifier>,
    /// The bridge whose logs they are: the point of view where none is named.
    me: Option<NodeId>,
    /// Signs exports.
    key: Option<Arc<NodeKey>>,
    /// Counts up when more is durable; closed where nothing more ever comes.
    news: watch::Receiver<u64>,
    /// What a person should know before anything else: what was left out, and why.
    notes: Vec<String>,
}

impl Source {
    /// Logs that nothing is added to any more.
    fn at_rest(archive: Arc<dyn Archive + Send>, me: Option<NodeId>, key: Option<Arc<NodeKey>>) -> Self {
        let verifier = Arc::new(Remembering::default());
        Self { archive, verifier, me, key, news: watch::channel(0).1, notes: Vec::new() }
    }

    /// The logs of a running bridge.
    pub(crate) fn live(
        archive: Arc<dyn Archive + Send>,
        verifier: Arc<dyn Verifier>,
        key: Arc<NodeKey>,
        news: watch::Receiver<u64>,
    ) -> Self {
        Self { archive, verifier, me: Some(key.node_id()), key: Some(key), news, notes: Vec::new() }
    }

    /// What a person should know before anything else: what of the logs was left out, and why.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The service in this process: a channel to it.
    ///
    /// # Errors
    /// [`rpc::ConnectError`] when the runtime is about to end.
    pub async fn serve_here(self, group: &TaskGroup) -> Result<Channel, rpc::ConnectError> {
        let service = compressed!(TopologyServer::new(TopologyService::new(self, group.clone())));
        rpc::in_process(group, tonic::service::Routes::new(service)).await
    }
}
