//! Verification that remembers.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use identity::{Announcement, Description, NodeId};
use proto::node::v1::Signed;

use crate::{Hash, Strict, Verifier};

/// Verifies strictly, each distinct question once. Questions are told apart by their BLAKE3.
#[derive(Debug, Default)]
pub struct Remembering {
    heads: Mutex<HashMap<Hash, bool>>,
    descriptions: Mutex<HashMap<Hash, Option<Arc<Description>>>>,
    announcements: Mutex<HashMap<Hash, Option<Arc<Announcement>>>>,
}

fn question(parts: &[&[u8]]) -> Hash {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_be_bytes()).update(part);
    }
    *hasher.finalize().as_bytes()
}

fn remember<T: Clone>(answers: &Mutex<HashMap<Hash, T>>, question: Hash, ask: impl FnOnce() -> T) -> T {
    let mut answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
    answers.entry(question).or_insert_with(ask).clone()
}

impl Verifier for Remembering {
    fn head(&self, owner: &NodeId, head: &[u8], signature: &[u8]) -> bool {
        let question = question(&[owner.as_bytes(), head, signature]);
        remember(&self.heads, question, || Strict.head(owner, head, signature))
    }

    fn description(&self, signed: &Signed) -> Option<Arc<Description>> {
        let question = question(&[&signed.body, &signed.signature]);
        remember(&self.descriptions, question, || Strict.description(signed))
    }

    fn announcement(&self, signed: &Signed) -> Option<Arc<Announcement>> {
        let question = question(&[&signed.body, &signed.signature]);
        remember(&self.announcements, question, || Strict.announcement(signed))
    }
}
