//! What a bridge under test is told of the world: who is where, and whom to trust.

use std::{
    collections::{BTreeSet, HashMap},
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use gateway::{
    link::Admission,
    proxy::{Directory, NextHop, Origin, Wakes},
};
use identity::NodeId;
use proto::bridge::v1::Refusal;
use tokio::sync::watch;

use super::{bridge::Bridge, waiting::until};

/// The test's directory: every caller is known unless it says otherwise.
#[derive(Default)]
pub(crate) struct Map {
    hops: Mutex<HashMap<NodeId, Result<NextHop, Refusal>>>,
    second: Mutex<HashMap<NodeId, NextHop>>,
    refused: Mutex<Vec<(NodeId, Refusal)>>,
    pub(crate) strangers_only: AtomicBool,
}

impl Map {
    pub(crate) fn local(&self, peer: NodeId, address: SocketAddr) {
        self.set(peer, Ok(NextHop::Local { addresses: vec![address] }));
    }

    pub(crate) fn via(&self, peer: NodeId, bridge: &Bridge) {
        self.set(peer, Ok(NextHop::Link { bridge: bridge.id() }));
    }

    pub(crate) fn set(&self, peer: NodeId, hop: Result<NextHop, Refusal>) {
        self.hops.lock().unwrap().insert(peer, hop);
    }

    /// Another way, for when the first one refuses.
    pub(crate) fn second_via(&self, peer: NodeId, bridge: &Bridge) {
        self.second.lock().unwrap().insert(peer, NextHop::Link { bridge: bridge.id() });
    }

    pub(crate) async fn refusal_of(&self, peer: NodeId) -> Refusal {
        let found = || self.refused.lock().unwrap().iter().find(|(id, _)| *id == peer).map(|(_, why)| *why);
        until("refusal", || found().is_some()).await;
        found().unwrap()
    }
}

/// Nobody sleeps here.
impl Wakes for Map {
    fn wake(&self, _: NodeId, _: NodeId) -> BoxFuture<'_, Result<Vec<SocketAddr>, Refusal>> {
        Box::pin(async { Err(Refusal::PeerNotAnswering) })
    }
}

impl Directory for Map {
    fn next_hop(&self, destination: NodeId, _: Origin, _hops_left: u8) -> Result<NextHop, Refusal> {
        self.hops.lock().unwrap().get(&destination).cloned().unwrap_or(Err(Refusal::UnknownPeer))
    }

    fn second_hop(&self, destination: NodeId, _hops_left: u8, first: &NextHop) -> Option<NextHop> {
        self.second.lock().unwrap().get(&destination).filter(|hop| *hop != first).cloned()
    }

    fn caller(&self, _address: IpAddr) -> Option<NodeId> {
        (!self.strangers_only.load(Ordering::Relaxed)).then(|| NodeId::from_bytes([9; 32]))
    }

    fn refused(&self, destination: NodeId, refusal: Refusal) {
        self.refused.lock().unwrap().push((destination, refusal));
    }
}

/// Lets in whoever shows the secret.
pub(crate) struct Guard {
    pub(crate) secret: Mutex<Option<Bytes>>,
    trust: watch::Sender<Arc<BTreeSet<NodeId>>>,
}

impl Guard {
    pub(crate) fn new(trust: watch::Sender<Arc<BTreeSet<NodeId>>>) -> Self {
        Self { secret: Mutex::default(), trust }
    }
}

impl Admission for Guard {
    fn is_open(&self) -> bool {
        self.secret.lock().unwrap().is_some()
    }

    fn redeem(&self, bridge: NodeId, invitation: Bytes) -> BoxFuture<'_, bool> {
        let good = self.secret.lock().unwrap().take_if(|secret| *secret == invitation).is_some();
        if good {
            trust(&self.trust, bridge);
        }
        Box::pin(std::future::ready(good))
    }
}

pub(crate) fn trust(list: &watch::Sender<Arc<BTreeSet<NodeId>>>, id: NodeId) {
    list.send_modify(|ids| {
        Arc::make_mut(ids).insert(id);
    });
}
