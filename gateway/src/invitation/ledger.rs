//! The open invitations of a bridge, as hashes, and the used ones until they expire.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use data_encoding::HEXLOWER;
use identity::NodeId;
use serde::{Deserialize, Serialize};

use super::token::SECRET_BYTES;
use crate::{
    limits::MAX_INVITATIONS,
    settings::{self, SettingsError},
};

const FILE: &str = "invitations.json";
/// Keeps these hashes apart from every other BLAKE3 hash.
const HASH_CONTEXT: &str = "causeway 2026 invitation secret";

/// Why nobody was let in.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum RedeemError {
    #[error("this bridge made no such invitation, or it expired long ago; ask for a new one")]
    Unknown,
    #[error("the invitation has expired; ask for a new one")]
    Expired,
    #[error("the invitation was used before, by {by}; each is good for one bridge: ask for a new one")]
    Used { by: NodeId },
    #[error(transparent)]
    Settings(#[from] SettingsError),
}

/// Too many invitations are open.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum InviteError {
    #[error("{MAX_INVITATIONS} invitations are open already; wait until one expires")]
    Full,
    #[error(transparent)]
    Settings(#[from] SettingsError),
}

/// The invitations and their file. Secrets are stored as hashes only.
#[derive(Debug)]
pub(crate) struct Ledger {
    path: PathBuf,
    rows: BTreeMap<String, Row>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Row {
    expires_ms: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    used_by: Option<String>,
}

impl Ledger {
    /// Reads the invitations of a data directory.
    pub(crate) fn load(data: &Path) -> Result<Self, SettingsError> {
        let path = data.join(FILE);
        let rows = settings::load(&path)?.unwrap_or_default();
        Ok(Self { path, rows })
    }

    /// Until when some invitation waits for its bridge; 0: none does. A bridge that used one is trusted, and needs none
    /// to come again.
    pub(crate) fn open_until(&self) -> i64 {
        let unused = self.rows.values().filter(|row| row.used_by.is_none());
        unused.map(|row| row.expires_ms).max().unwrap_or(0)
    }

    /// How many invitations wait for their bridge.
    pub(crate) fn open_at(&self, now_ms: i64) -> usize {
        self.rows.values().filter(|row| row.used_by.is_none() && row.expires_ms > now_ms).count()
    }

    /// Forgets what a bridge used: it is trusted no longer, and must not come back by it.
    pub(crate) fn forget(&mut self, by: NodeId) -> Result<(), SettingsError> {
        let by = by.to_string();
        let before = self.rows.len();
        self.rows.retain(|_, row| row.used_by.as_ref() != Some(&by));
        if self.rows.len() == before { Ok(()) } else { settings::store(&self.path, &self.rows) }
    }

    /// Remembers a new invitation durably.
    pub(crate) fn open(
        &mut self,
        secret: &[u8; SECRET_BYTES],
        expires_ms: i64,
        now_ms: i64,
    ) -> Result<(), InviteError> {
        self.rows.retain(|_, row| row.expires_ms > now_ms);
        if self.rows.len() >= MAX_INVITATIONS {
            return Err(InviteError::Full);
        }
        let key = hash(secret);
        self.rows.insert(key.clone(), Row { expires_ms, used_by: None });
        if let Err(error) = settings::store(&self.path, &self.rows) {
            self.rows.remove(&key);
            return Err(error.into());
        }
        Ok(())
    }

    /// Lets `by` in if the secret belongs to an open invitation, which is durably used up before this returns.
    /// The same bridge may show it again until it expires: its first answer may have been lost.
    pub(crate) fn redeem(&mut self, secret: &[u8], by: NodeId, now_ms: i64) -> Result<(), RedeemError> {
        let secret = secret.try_into().map_err(|_| RedeemError::Unknown)?;
        // The key is a hash of the secret: how long the look-up takes says nothing about the secret.
        let row = self.rows.get_mut(&hash(secret)).ok_or(RedeemError::Unknown)?;
        match row.used_by.as_ref().and_then(|user| user.parse().ok()) {
            Some(user) if user == by && row.expires_ms > now_ms => return Ok(()),
            Some(user) if user == by => return Err(RedeemError::Expired),
            Some(user) => return Err(RedeemError::Used { by: user }),
            None if row.expires_ms <= now_ms => return Err(RedeemError::Expired),
            None => row.used_by = Some(by.to_string()),
        }
        if let Err(error) = settings::store(&self.path, &self.rows) {
            if let Some(row) = self.rows.get_mut(&hash(secret)) {
                row.used_by = None;
            }
            return Err(error.into());
        }
        Ok(())
    }
}

fn hash(secret: &[u8; SECRET_BYTES]) -> String {
    HEXLOWER.encode(&blake3::derive_key(HASH_CONTEXT, secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: [u8; SECRET_BYTES] = [5; SECRET_BYTES];

    fn id(n: u8) -> NodeId {
        NodeId::from_bytes([n; 32])
    }

    #[test]
    fn an_invitation_is_good_for_one_bridge_and_once_only_across_restarts() {
        let data = tempfile::tempdir().unwrap();
        Ledger::load(data.path()).unwrap().open(&SECRET, 100, 0).unwrap();
        let mut ledger = Ledger::load(data.path()).unwrap();
        assert!(matches!(ledger.redeem(&[6; SECRET_BYTES], id(1), 50), Err(RedeemError::Unknown)));
        assert!(matches!(ledger.redeem(&[], id(1), 50), Err(RedeemError::Unknown)));
        ledger.redeem(&SECRET, id(1), 50).unwrap();
        ledger.redeem(&SECRET, id(1), 60).unwrap();
        assert!(matches!(ledger.redeem(&SECRET, id(1), 100), Err(RedeemError::Expired)));
        let mut again = Ledger::load(data.path()).unwrap();
        assert!(matches!(again.redeem(&SECRET, id(2), 50), Err(RedeemError::Used { by }) if by == id(1)));
    }

    #[test]
    fn an_expired_invitation_lets_nobody_in() {
        let data = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::load(data.path()).unwrap();
        ledger.open(&SECRET, 100, 0).unwrap();
        assert!(matches!(ledger.redeem(&SECRET, id(1), 100), Err(RedeemError::Expired)));
    }

    #[test]
    fn what_a_bridge_used_is_forgotten_with_it_and_waits_for_nobody() {
        let data = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::load(data.path()).unwrap();
        ledger.open(&SECRET, 100, 0).unwrap();
        assert_eq!(ledger.open_until(), 100);
        ledger.redeem(&SECRET, id(1), 50).unwrap();
        assert_eq!(ledger.open_until(), 0);
        ledger.forget(id(1)).unwrap();
        let mut again = Ledger::load(data.path()).unwrap();
        assert!(matches!(again.redeem(&SECRET, id(1), 50), Err(RedeemError::Unknown)));
    }

    #[test]
    fn the_file_does_not_hold_the_secret() {
        let data = tempfile::tempdir().unwrap();
        Ledger::load(data.path()).unwrap().open(&SECRET, 100, 0).unwrap();
        let text = std::fs::read_to_string(data.path().join(FILE)).unwrap();
        assert!(!text.contains(&HEXLOWER.encode(&SECRET)) && text.contains(&hash(&SECRET)));
    }

    #[test]
    fn open_invitations_are_bounded_and_expired_ones_make_room() {
        let data = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::load(data.path()).unwrap();
        for n in 0..MAX_INVITATIONS {
            ledger.open(&[u8::try_from(n).unwrap(); SECRET_BYTES], 100, 0).unwrap();
        }
        assert!(matches!(ledger.open(&[200; SECRET_BYTES], 100, 0), Err(InviteError::Full)));
        assert_eq!((ledger.open_at(99), ledger.open_at(100)), (MAX_INVITATIONS, 0));
        ledger.open(&[200; SECRET_BYTES], 300, 101).unwrap();
        assert_eq!(ledger.open_at(101), 1);
    }
}
