//! Which registration of this process holds which bridge: one each, and what a person gave goes first.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use identity::NodeId;
use tokio_util::sync::CancellationToken;

/// The bridges that are held. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Claims(Arc<Mutex<HashMap<NodeId, Holder>>>);

#[derive(Debug)]
struct Holder {
    key: u64,
    preferred: bool,
    lost: CancellationToken,
}

/// One bridge, held until this is dropped or taken over.
#[derive(Debug)]
pub(super) struct Claim {
    claims: Claims,
    id: NodeId,
    key: u64,
    lost: CancellationToken,
}

impl Claims {
    /// True when a registration holds this bridge.
    pub fn holds(&self, id: &NodeId) -> bool {
        self.lock().contains_key(id)
    }

    /// Takes hold of a bridge. A preferred registration takes it from one that is not; whoever loses it ends without
    /// a goodbye.
    pub(super) fn claim(&self, id: NodeId, key: u64, preferred: bool) -> Option<Claim> {
        let mut held = self.lock();
        if let Some(holder) = held.get(&id) {
            if holder.preferred || !preferred {
                return None;
            }
            holder.lost.cancel();
        }
        let lost = CancellationToken::new();
        held.insert(id, Holder { key, preferred, lost: lost.clone() });
        drop(held);
        Some(Claim { claims: self.clone(), id, key, lost })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<NodeId, Holder>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Claim {
    /// Resolves when another registration has taken over.
    pub(super) async fn lost(&self) {
        self.lost.cancelled().await;
    }

    pub(super) fn is_lost(&self) -> bool {
        self.lost.is_cancelled()
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut held = self.claims.lock();
        if held.get(&self.id).is_some_and(|holder| holder.key == self.key) {
            held.remove(&self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_given_bridge_takes_over_from_a_heard_one_and_not_the_other_way() {
        let (claims, id) = (Claims::default(), NodeId::from_bytes([1; 32]));
        let heard = claims.claim(id, 1, false).unwrap();
        assert!(claims.claim(id, 2, false).is_none());
        let given = claims.claim(id, 3, true).unwrap();
        assert!(heard.is_lost() && !given.is_lost());
        drop(heard);
        assert!(claims.holds(&id));
        assert!(claims.claim(id, 4, true).is_none());
        drop(given);
        assert!(!claims.holds(&id));
    }
}
