//! Who calls, and what they may.

use std::{
    net::{IpAddr, SocketAddr},
    sync::PoisonError,
    time::Instant,
};

use identity::{NodeId, tls::node_of_certificate};
use runtime::{Rates, rpc::PeerInfo};
use tonic::Request;

use super::ControlService;
use crate::limits::{
    CONTROL_RATE_PER_ADDRESS, CONTROL_RATE_PER_NODE, MAX_FOLLOWERS, MAX_FOLLOWERS_PER_NODE, MAX_RATE_ENTRIES,
};

/// Why a request is not served. The caller is at fault; nothing changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("the control port needs a TLS client certificate with a node id, as `causeway` nodes have")]
    Stranger,
    #[error("too many requests from this node or its address; slow down")]
    TooFast,
    #[error(
        "{MAX_FOLLOWERS} nodes follow this bridge already, or {MAX_FOLLOWERS_PER_NODE} times this one; close one of the streams"
    )]
    TooManyFollowers,
    #[error("only nodes of this bridge's network may ask this: register first")]
    NotRegistered,
    #[error("this needs a place on the operators' list (`--operator`), or the local socket")]
    NoOperator,
    #[error("this bridge is stopping; use another one")]
    Draining,
    #[error("the {0} is not the caller's: its id is another one than that of the TLS certificate")]
    NotTheCallers(&'static str),
    #[error("the peer's description does not name the caller as its keeper")]
    NoKeeper,
    #[error("a node id has 32 bytes")]
    NoNodeId,
    #[error("the {0} is missing or does not fit")]
    Missing(&'static str),
    #[error(
        "this bridge serves the network {ours}, and the announcement names {theirs}; check --network, and that both are in the same one"
    )]
    Network { ours: String, theirs: String },
}

/// An authenticated caller.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caller {
    pub(crate) id: NodeId,
    pub(crate) address: SocketAddr,
}

/// How often who calls.
#[derive(Debug)]
pub(super) struct Pace {
    of_nodes: Rates<NodeId>,
    of_addresses: Rates<IpAddr>,
}

impl Pace {
    pub(super) fn new() -> Self {
        Self {
            of_nodes: Rates::new(CONTROL_RATE_PER_NODE, MAX_RATE_ENTRIES),
            of_addresses: Rates::new(CONTROL_RATE_PER_ADDRESS, MAX_RATE_ENTRIES),
        }
    }

    fn admits(&mut self, caller: Caller) -> bool {
        let now = Instant::now();
        self.of_nodes.take(now, caller.id) && self.of_addresses.take(now, caller.address.ip().to_canonical())
    }
}

impl ControlService {
    /// Any node that proves its id, within its rate.
    pub(super) fn caller<T>(&self, request: &Request<T>) -> Result<Caller, Refused> {
        let info = request.extensions().get::<PeerInfo>().ok_or(Refused::Stranger)?;
        let address = info.remote.ok_or(Refused::Stranger)?;
        let certificate = info.certificate.as_ref().ok_or(Refused::Stranger)?;
        let id = node_of_certificate(certificate).map_err(|_| Refused::Stranger)?;
        let caller = Caller { id, address };
        if !self.pace.lock().unwrap_or_else(PoisonError::into_inner).admits(caller) {
            self.shared.metrics.control_refused();
            return Err(Refused::TooFast);
        }
        Ok(caller)
    }

    /// A node of this network, or an operator.
    pub(super) fn member<T>(&self, request: &Request<T>) -> Result<Caller, Refused> {
        let caller = self.caller(request)?;
        if self.is_member(caller.id) { Ok(caller) } else { Err(Refused::NotRegistered) }
    }

    /// Whether this is a node of this network, or an operator.
    pub(super) fn is_member(&self, id: NodeId) -> bool {
        let is_local = self.shared.table.peer(&id).is_some_and(|known| known.is_local());
        is_local || self.shared.operators.contains(&id)
    }

    /// An operator.
    pub(crate) fn operator<T>(&self, request: &Request<T>) -> Result<Caller, Refused> {
        let caller = self.caller(request)?;
        if self.shared.operators.contains(&caller.id) { Ok(caller) } else { Err(Refused::NoOperator) }
    }
}
