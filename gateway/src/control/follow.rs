//! Follow: everything that is reachable through this bridge, then each change.
//!
//! All followers share one bounded queue of the ids that changed; what is sent of a peer is looked up when it is sent.
//! A follower too slow for the queue is given everything anew: memory stays bounded, and nothing is missed.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
};

use discovery::addresses::to_octets;
use identity::NodeId;
use proto::bridge::v1::{Draining, FollowEvent, RemoteGone, RemotePeer, Synced, follow_event::Kind};
use tokio::sync::{broadcast, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;
use topology::{NoRoute, Route};

use super::callers::Refused;
use crate::{
    actor::Change,
    limits::{FOLLOWER_CHANNEL, MAX_FOLLOWERS, MAX_FOLLOWERS_PER_NODE},
    shared::Shared,
    table::{Known, Table},
};

/// How many follow, in all and for each node.
#[derive(Debug, Clone, Default)]
pub(crate) struct Followers(Arc<Mutex<HashMap<NodeId, usize>>>);

/// The place of one follower; given back when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    id: NodeId,
    followers: Followers,
}

/// One follower.
struct Follower {
    id: NodeId,
    /// This bridge.
    own: NodeId,
    table: Table,
    changes: broadcast::Receiver<Change>,
    events: mpsc::Sender<Result<FollowEvent, Status>>,
    /// Whom it was told of and not told gone.
    told: HashSet<NodeId>,
    _place: Place,
}

/// The follower's connection ended.
struct Left;

impl Followers {
    pub(super) fn take(&self, id: NodeId) -> Result<Place, Refused> {
        let mut followers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = followers.values().sum();
        let own = followers.entry(id).or_default();
        if all >= MAX_FOLLOWERS || *own >= MAX_FOLLOWERS_PER_NODE {
            if *own == 0 {
                followers.remove(&id);
            }
            return Err(Refused::TooManyFollowers);
        }
        *own += 1;
        Ok(Place { id, followers: self.clone() })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut followers = self.followers.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = followers.get_mut(&self.id) {
            *count -= 1;
            if *count == 0 {
                followers.remove(&self.id);
            }
        }
    }
}

/// Starts to tell a follower.
pub(super) fn spawn(
    shared: &Shared,
    id: NodeId,
    place: Place,
) -> ReceiverStream<Result<FollowEvent, Status>> {
    let (events, stream) = mpsc::channel(FOLLOWER_CHANNEL);
    let follower = Follower {
        id,
        own: shared.id(),
        table: shared.table.clone(),
        // Before the table is read: a change in between is told twice rather than never.
        changes: shared.changes.subscribe(),
        events,
        told: HashSet::new(),
        _place: place,
    };
    let token = shared.group.token().clone();
    shared.group.spawn(tracing::debug_span!("follower", peer = %id.short()), async move {
        tokio::select! {
            biased;
            () = token.cancelled() => {}
            _ = follower.run() => {}
        }
    });
    ReceiverStream::new(stream)
}

impl Follower {
    async fn run(mut self) -> Result<(), Left> {
        self.tell_all().await?;
        if self.table.is_draining() {
            self.send(Kind::Draining(Draining { grace_ms: 0 })).await?;
        }
        loop {
            let change = tokio::select! {
                biased;
                () = self.events.closed() => return Err(Left),
                change = self.changes.recv() => change,
            };
            match change {
                Ok(Change::Peer(id)) => self.tell(id).await?,
                Ok(Change::Draining(grace_ms)) => self.send(Kind::Draining(Draining { grace_ms })).await?,
                Err(broadcast::error::RecvError::Lagged(missed)) => {
                    tracing::debug!(missed, "the follower fell behind and is told everything anew");
                    self.tell_all().await?;
                }
                Err(broadcast::error::RecvError::Closed) => return Ok(()),
            }
        }
    }

    async fn tell_all(&mut self) -> Result<(), Left> {
        let mut ids: HashSet<_> = self.table.peer_ids().into_iter().collect();
        ids.extend(&self.told);
        for id in ids {
            self.tell(id).await?;
        }
        self.send(Kind::Synced(Synced {})).await
    }

    async fn tell(&mut self, id: NodeId) -> Result<(), Left> {
        if id == self.id {
            return Ok(());
        }
        let known = self.table.peer(&id);
        match known.as_deref().and_then(|known| remote_peer(self.own, known)) {
            Some(peer) => {
                self.told.insert(id);
                self.send(Kind::Peer(peer)).await
            }
            None if self.told.remove(&id) => {
                let reason = known
                    .and_then(|known| known.route.as_ref().err().map(NoRoute::refusal))
                    .unwrap_or_else(|| self.table.why_gone(&id));
                self.send(Kind::Gone(RemoteGone { node_id: id.to_bytes(), reason: reason.into() })).await
            }
            None => Ok(()),
        }
    }

    async fn send(&self, kind: Kind) -> Result<(), Left> {
        self.events.send(Ok(FollowEvent { kind: Some(kind) })).await.map_err(|_| Left)
    }
}

/// A peer that can be reached through this bridge, or could but for a policy: those limit reachability, not visibility,
/// and whoever tries is told why. One of the own network, too: where multicast does not work, the way over the bridge is
/// the only one that its peers know.
fn remote_peer(own: NodeId, known: &Known) -> Option<RemotePeer> {
    let route = match &known.route {
        Ok(route) => Cow::Borrowed(route),
        Err(NoRoute::Policy { .. }) => Cow::Owned(forbidden(own, known)?),
        Err(_) => return None,
    };
    let description = known.description.as_ref()?;
    Some(RemotePeer {
        description: Some(description.signed().clone()),
        announcement: Some(known.announcement.signed().clone()),
        route: route.bridges.iter().map(|bridge| bridge.to_bytes()).collect(),
        cost_us: route.cost_us,
        network: known.network.as_ref().map(identity::Network::to_proto),
        asleep: route.asleep.is_some(),
        addresses: known.addresses.iter().map(|address| to_octets(address.ip())).collect(),
    })
}

/// The way that a policy forbids; of one that ends at the bridge whose policy it is, no more than the end is known.
fn forbidden(own: NodeId, known: &Known) -> Option<Route> {
    match known.route_for_others() {
        Ok(route) => Some(route.clone()),
        Err(NoRoute::Policy { bridge, .. }) if *bridge != own => {
            Some(Route { bridges: [own, *bridge].into(), cost_us: 0, registered: false, asleep: None })
        }
        Err(_) => None,
    }
}
