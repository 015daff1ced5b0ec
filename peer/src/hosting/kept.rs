//! The claim on the disk.

use std::{fs, io, path::Path};

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};

const FILE: &str = "claim";

/// Whose the peer is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Held {
    /// Hexadecimal, 32 digits.
    pub(super) claim: String,
    pub(super) user: String,
    /// A token of this claim was used: it is the user's for good.
    pub(super) redeemed: bool,
    /// Tokens that were used and would be good still: their ids, and until when, seconds since the Unix epoch.
    pub(super) used: Vec<(String, u64)>,
}

impl Held {
    pub(super) fn new(claim: &[u8; 16], user: &str) -> Self {
        Self { claim: HEXLOWER.encode(claim), user: user.to_owned(), redeemed: false, used: Vec::new() }
    }

    pub(super) fn is_of(&self, claim: &[u8; 16]) -> bool {
        self.claim == HEXLOWER.encode(claim)
    }
}

/// `None`: nobody's. A file that cannot be read is an error: to take it for none would give a person's peer away.
pub(super) fn load(data: &Path) -> io::Result<Option<Held>> {
    match fs::read(data.join(FILE)) {
        Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Durable on return.
pub(super) fn store(data: &Path, held: &Held) -> io::Result<()> {
    runtime::replace_file(&data.join(FILE), &serde_json::to_vec(held)?)
}
