//! A peer that a dispatcher keeps for people: nobody's at first, then one person's for good.
//!
//! The peer is the arbiter of its claim. Whatever any number of dispatchers believe, it takes one claim, stores it before
//! it says so, and from then on opens its page to that claim's tokens alone.

mod arbiter;
mod entrance;
mod kept;
mod service;

use std::{net::SocketAddr, sync::Arc};

use discovery::Announcer;
use identity::NodeId;
use runtime::web::Gate;
use tokio::sync::{mpsc, watch};

use self::{arbiter::Arbiter, service::Idleness};
pub(crate) use self::{
    entrance::{Entrance, entered},
    service::ClaimService,
};

use crate::{command::Command, config::PeerConfig, error::StartError, naming::Naming};

/// The attribute of a description that says: this peer is nobody's yet.
pub const VACANT: &str = "vacant";

/// What a peer is told that a dispatcher keeps.
#[derive(Debug, Clone)]
pub struct Hosting {
    /// The dispatchers whose claims and tokens count.
    pub obey: Vec<NodeId>,
    /// Where a person logs in: the address of the dispatcher's page.
    pub login: String,
    /// The page may be asked for as the node id below this name, beside addresses and names below `localhost`.
    pub domain: Option<String>,
    /// Traefik's entry points that lead to the page, where Consul is; empty: its default ones.
    pub entry_points: Vec<String>,
}

/// What a kept peer has beside what every peer has.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    hosting: Hosting,
    arbiter: Arbiter,
    idleness: Idleness,
}

impl Kept {
    /// `None`: the peer is its owner's. Blocks on the disk.
    pub(crate) fn open(config: &PeerConfig, me: NodeId) -> Result<Option<Self>, StartError> {
        let Some(hosting) = config.hosting.clone() else { return Ok(None) };
        let arbiter = Arbiter::open(&config.data, me, hosting.obey.clone());
        let arbiter = arbiter.map_err(|source| StartError::Claim { path: config.data.clone(), source })?;
        Ok(Some(Self { hosting, arbiter, idleness: Idleness::new() }))
    }

    pub(crate) fn is_vacant(&self) -> bool {
        *self.arbiter.vacancy().borrow()
    }

    /// Whether it is nobody's, and how that changes.
    pub(crate) fn vacancy(&self) -> watch::Receiver<bool> {
        self.arbiter.vacancy()
    }

    /// What it was told.
    pub(crate) const fn hosting(&self) -> &Hosting {
        &self.hosting
    }

    pub(crate) fn service(
        &self,
        commands: mpsc::Sender<Command>,
        announcer: Announcer,
        page: Option<SocketAddr>,
    ) -> ClaimService {
        let (arbiter, idleness) = (self.arbiter.clone(), self.idleness.clone());
        ClaimService { arbiter, commands, idleness, announcer, page }
    }

    pub(crate) fn entrance(self, gate: Gate) -> Entrance {
        Entrance::new(self.hosting, (self.arbiter, self.idleness), gate)
    }

    /// Announces that the peer is somebody's, as soon as it is.
    pub(crate) fn tell_vacancy(&self, naming: Arc<Naming>) -> impl Future<Output = ()> + Send + use<> {
        let mut vacancy = self.arbiter.vacancy();
        async move {
            while vacancy.changed().await.is_ok() {
                let (vacant, naming) = (*vacancy.borrow_and_update(), Arc::clone(&naming));
                let told = tokio::task::spawn_blocking(move || naming.tell_vacancy(vacant)).await;
                if let Ok(Err(error)) = told {
                    tracing::warn!(%error, "others are not told that this peer was claimed");
                }
            }
        }
    }
}
