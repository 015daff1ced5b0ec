//! A bridge: registers with its control port, names it a home, and follows the peers that it reaches.
//!
//! Without a given node id the first one that answers is believed for as long as the process runs, and that is said.
//! The registration is renewed within a third of its lease. HTTP/2 pings notice a bridge that died in silence. Names
//! are looked up anew for each try.

use std::time::Duration;

use identity::NodeId;
use runtime::Backoff;
use tokio::time::sleep;

use super::{Outlet, Report, Source};
use crate::{BridgeState, BridgeStatus, Target, limits::BRIDGE_RETRY};

mod claims;
mod connect;
mod nearby;
mod remote;
mod session;

pub use claims::Claims;

use claims::Claim;
use nearby::Nearby;
use session::Session;

/// One registration, kept up until it is cancelled.
#[derive(Debug)]
pub struct Bridge {
    key: u64,
    origin: Origin,
    claims: Claims,
    status: BridgeStatus,
    backoff: Backoff,
}

/// Where the bridge is known from.
#[derive(Debug)]
enum Origin {
    /// A person gave it.
    Given(Target),
    /// It was heard; its addresses are those of the neighbour.
    Heard(NodeId),
}

/// How an attempt ended.
#[derive(Debug)]
enum End {
    /// Nobody wants it any more, and the bridge knows.
    Left,
    /// Another registration of this process leads to the same bridge.
    Claimed,
    /// Refused, broken or silent.
    Lost(String),
}

impl Bridge {
    /// A bridge that a person gave.
    pub fn given(key: u64, target: Target, claims: Claims) -> Self {
        let status = status(target.place(), target.id());
        Self::new(key, Origin::Given(target), status, claims)
    }

    /// A bridge that was heard.
    pub fn heard(key: u64, id: NodeId, claims: Claims) -> Self {
        Self::new(key, Origin::Heard(id), status("heard".into(), Some(id)), claims)
    }

    const fn new(key: u64, origin: Origin, status: BridgeStatus, claims: Claims) -> Self {
        Self { key, origin, claims, status, backoff: Backoff::new(BRIDGE_RETRY.0, BRIDGE_RETRY.1) }
    }

    async fn attempt(&mut self, outlet: &Outlet) -> End {
        let connected = tokio::select! {
            biased;
            () = outlet.token().cancelled() => return End::Left,
            connected = self.connect(outlet) => connected,
        };
        let (connected, claim) = match connected {
            Ok(connected) => connected,
            Err(end) => return end,
        };
        let id = connected.id;
        let session = Session { outlet, bridge: self, connected, claim, nearby: Nearby::default() };
        let end = session.run().await;
        tracing::debug!(bridge = %id.short(), ?end, "registration ended");
        end
    }

    /// Connects, learns who is there, and claims it for this registration.
    async fn connect(&mut self, outlet: &Outlet) -> Result<(connect::Connected, Claim), End> {
        let connected = connect::connect(&self.origin, self.status.id, outlet).await.map_err(End::Lost)?;
        self.status.target = match &self.origin {
            Origin::Given(target) => target.place(),
            Origin::Heard(_) => connected.control.to_string(),
        };
        if self.status.id.is_none() {
            tracing::info!(
                target = %self.status.target, bridge = %connected.id,
                "no node id was given for this bridge: the one that answered is believed from now on"
            );
            (self.status.id, self.status.first_use) = (Some(connected.id), true);
        }
        let preferred = matches!(self.origin, Origin::Given(_));
        let claim = self.claims.claim(connected.id, self.key, preferred).ok_or(End::Claimed)?;
        Ok((connected, claim))
    }

    async fn tell(&mut self, outlet: &Outlet, state: BridgeState) {
        if self.status.state != state {
            self.status.state = state;
            self.tell_again(outlet).await;
        }
    }

    async fn tell_again(&self, outlet: &Outlet) {
        outlet.report(Report::Bridge { key: self.key, status: self.status.clone() }).await;
    }

    /// Says why not, and waits. A bridge that another registration holds is looked at again now and then.
    async fn pause(&mut self, outlet: &Outlet, reason: String) -> Duration {
        tracing::debug!(target = %self.status.target, reason, "bridge not reached");
        self.tell(outlet, BridgeState::Waiting { reason }).await;
        self.backoff.next()
    }
}

impl Source for Bridge {
    fn name(&self) -> &'static str {
        "bridge"
    }

    async fn run(mut self, outlet: Outlet) {
        self.tell_again(&outlet).await;
        loop {
            let pause = match self.attempt(&outlet).await {
                End::Left => break,
                End::Claimed if matches!(self.origin, Origin::Heard(_)) => break,
                End::Claimed => {
                    let reason = "another --bridge leads to the same one".to_owned();
                    self.tell(&outlet, BridgeState::Waiting { reason }).await;
                    BRIDGE_RETRY.1
                }
                End::Lost(reason) => self.pause(&outlet, reason).await,
            };
            tokio::select! {
                biased;
                () = outlet.token().cancelled() => break,
                () = sleep(pause) => {}
            }
        }
        // A registration that ends by itself is to be started again when the bridge is heard again.
        outlet.group().cancel();
        self.tell(&outlet, BridgeState::Left).await;
    }
}

const fn status(target: String, id: Option<NodeId>) -> BridgeStatus {
    BridgeStatus {
        target,
        id,
        first_use: false,
        state: BridgeState::Connecting,
        end: None,
        network: None,
        description: None,
        observed: None,
    }
}
