//! Links of which the second connection has not come yet.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use identity::NodeId;
use quinn::{Connection, SendStream};
use tokio::sync::oneshot;

use super::{
    greet::LinkNumber,
    limits::{MAX_HALF_LINKS, MAX_HALF_LINKS_PER_BRIDGE},
};

/// The connection for streams, and where its hello is to be answered.
pub(super) type Second = (Connection, SendStream);

/// Who waits for which second connection.
#[derive(Debug, Default)]
pub(super) struct Halves(Mutex<HashMap<(NodeId, LinkNumber), oneshot::Sender<Second>>>);

/// A place in the table, given back when dropped.
#[derive(Debug)]
pub(super) struct Half<'a> {
    halves: &'a Halves,
    key: (NodeId, LinkNumber),
    second: oneshot::Receiver<Second>,
}

impl Halves {
    /// Waits for the second connection of a link. `None` when too many wait, or this one does already.
    pub(super) fn expect(&self, bridge: NodeId, link: LinkNumber) -> Option<Half<'_>> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_bridge = waiting.keys().filter(|(id, _)| *id == bridge).count();
        let key = (bridge, link);
        if waiting.len() >= MAX_HALF_LINKS
            || of_bridge >= MAX_HALF_LINKS_PER_BRIDGE
            || waiting.contains_key(&key)
        {
            return None;
        }
        let (sender, second) = oneshot::channel();
        waiting.insert(key, sender);
        Some(Half { halves: self, key, second })
    }

    /// Hands a second connection to whoever waits for it, or gives it back.
    pub(super) fn complete(&self, bridge: NodeId, link: LinkNumber, second: Second) -> Result<(), Second> {
        let waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&(bridge, link));
        match waiting {
            Some(waiting) => waiting.send(second),
            None => Err(second),
        }
    }
}

impl Half<'_> {
    /// The second connection, once it is there.
    pub(super) async fn second(&mut self) -> Option<Second> {
        (&mut self.second).await.ok()
    }
}

impl Drop for Half<'_> {
    fn drop(&mut self) {
        self.halves.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}
