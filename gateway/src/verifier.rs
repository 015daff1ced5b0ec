//! Signatures of peers' records, checked once: the core looks at the same records again whenever something near them
//! changes.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use identity::{Announcement, Description, NodeId};
use proto::node::v1::Signed;
use topology::{Strict, Verifier};

use crate::limits::VERIFIED_RECORDS;

/// [`Strict`] with a memory of what was good.
#[derive(Debug, Default)]
pub(crate) struct Remembering {
    descriptions: Memory<Description>,
    announcements: Memory<Announcement>,
}

/// Two generations: what was used since the last change of generations is kept at the next.
struct Memory<T>(Mutex<Generations<T>>);

struct Generations<T> {
    young: HashMap<[u8; 32], Arc<T>>,
    old: HashMap<[u8; 32], Arc<T>>,
}

impl Verifier for Remembering {
    fn head(&self, owner: &NodeId, head: &[u8], signature: &[u8]) -> bool {
        Strict.head(owner, head, signature)
    }

    fn description(&self, signed: &Signed) -> Option<Arc<Description>> {
        self.descriptions.recall(signed, || Strict.description(signed))
    }

    fn announcement(&self, signed: &Signed) -> Option<Arc<Announcement>> {
        self.announcements.recall(signed, || Strict.announcement(signed))
    }
}

impl<T> Memory<T> {
    fn recall(&self, signed: &Signed, verify: impl FnOnce() -> Option<Arc<T>>) -> Option<Arc<T>> {
        let key = key(signed);
        let mut generations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = generations.young.get(&key) {
            return Some(Arc::clone(known));
        }
        // What does not verify is not remembered: an attacker's inventions must not push out what is good.
        let good = generations.old.remove(&key).or_else(verify)?;
        if generations.young.len() >= VERIFIED_RECORDS / 2 {
            generations.old = std::mem::take(&mut generations.young);
        }
        generations.young.insert(key, Arc::clone(&good));
        Some(good)
    }
}

/// Body and signature: another signature of the same body is another record.
fn key(signed: &Signed) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(signed.body.len() as u64).to_be_bytes());
    hasher.update(&signed.body);
    hasher.update(&signed.signature);
    *hasher.finalize().as_bytes()
}

impl<T> Default for Memory<T> {
    fn default() -> Self {
        Self(Mutex::new(Generations { young: HashMap::new(), old: HashMap::new() }))
    }
}

impl<T> fmt::Debug for Memory<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use identity::NodeKey;
    use proto::node::v1::{self, NodeKind};

    use super::*;

    fn signed(name: &str) -> Signed {
        let description = v1::Description {
            kind: NodeKind::Peer.into(),
            name: name.into(),
            certificate: Bytes::from_static(b"certificate"),
            ..v1::Description::default()
        };
        Description::sign(&NodeKey::from_seed([1; 32]), description).unwrap().signed().clone()
    }

    #[test]
    fn the_same_record_is_checked_once_and_a_changed_one_again() {
        let verifier = Remembering::default();
        let good = signed("anna");
        let first = verifier.description(&good).unwrap();
        assert!(Arc::ptr_eq(&first, &verifier.description(&good).unwrap()));
        let forged = Signed { signature: vec![0; 64].into(), ..good.clone() };
        assert_eq!(verifier.description(&forged), None);
        let changed = Signed { body: signed("ben").body, ..good };
        assert_eq!(verifier.description(&changed), None);
    }

    #[test]
    fn the_memory_is_bounded() {
        let memory = Memory::default();
        for n in 0..3 * VERIFIED_RECORDS as u64 {
            let signed = Signed { body: n.to_be_bytes().to_vec().into(), signature: Bytes::new() };
            assert_eq!(memory.recall(&signed, || Some(Arc::new(n))).as_deref(), Some(&n));
        }
        let generations = memory.0.lock().unwrap();
        assert!(generations.young.len() + generations.old.len() <= VERIFIED_RECORDS);
    }
}
