//! Who may have the peer.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use data_encoding::HEXLOWER;
use identity::{
    NodeId,
    token::{LoginToken, TokenError},
};
use tokio::sync::watch;

use super::kept::{self, Held};
use crate::limits::{CLAIM_LEASE, MAX_USED_TOKENS};

/// Decides over claims and tokens. Clones decide the same. What changes something blocks on the disk.
#[derive(Debug, Clone)]
pub(crate) struct Arbiter(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    data: PathBuf,
    me: NodeId,
    obey: Vec<NodeId>,
    state: Mutex<State>,
    vacant: watch::Sender<bool>,
}

#[derive(Debug)]
struct State {
    held: Option<Held>,
    /// When the claim that holds, if one does, was made; after a restart, when that was.
    since: Instant,
}

/// Whose the peer is, for whoever may know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Holder {
    pub(crate) claim: [u8; 16],
    pub(crate) user: String,
    pub(crate) redeemed: bool,
}

/// Why a claim is not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClaimError {
    #[error("this peer is somebody's already")]
    Taken,
    #[error("the claim could not be stored: {0}")]
    Store(#[from] io::Error),
}

/// Why a token opens nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RedeemError {
    #[error(transparent)]
    Token(#[from] TokenError),
    #[error("this link was used already")]
    Used,
    #[error("this peer is not yours any more")]
    NotYours,
    #[error("too many open this peer at once; wait a minute")]
    TooMany,
    #[error("the login could not be stored: {0}")]
    Store(#[from] io::Error),
}

impl Arbiter {
    /// Takes up the claim on the disk.
    pub(crate) fn open(data: &Path, me: NodeId, obey: Vec<NodeId>) -> io::Result<Self> {
        let held = kept::load(data)?;
        let (vacant, _) = watch::channel(held.is_none());
        let state = Mutex::new(State { held, since: Instant::now() });
        Ok(Self(Arc::new(Shared { data: data.to_owned(), me, obey, state, vacant })))
    }

    pub(crate) fn me(&self) -> NodeId {
        self.0.me
    }

    pub(crate) fn obeys(&self, dispatcher: &NodeId) -> bool {
        self.0.obey.contains(dispatcher)
    }

    /// Whether it may be claimed, and whenever that changes. A lease that ended without a use is found out by the next
    /// claim.
    pub(crate) fn vacancy(&self) -> watch::Receiver<bool> {
        self.0.vacant.subscribe()
    }

    /// Takes a claim, or the same again. Gives how long the lease lasts; zero: for good.
    pub(crate) fn claim(&self, claim: &[u8; 16], user: &str, now: Instant) -> Result<Duration, ClaimError> {
        let mut state = self.state();
        let left = CLAIM_LEASE.saturating_sub(now.saturating_duration_since(state.since));
        match &state.held {
            Some(held) if held.is_of(claim) => {
                return Ok(if held.redeemed { Duration::ZERO } else { left.max(Duration::from_secs(1)) });
            }
            Some(held) if held.redeemed || !left.is_zero() => return Err(ClaimError::Taken),
            _ => {}
        }
        let held = Held::new(claim, user);
        kept::store(&self.0.data, &held)?;
        (state.held, state.since) = (Some(held), now);
        self.0.vacant.send_replace(false);
        Ok(CLAIM_LEASE)
    }

    pub(crate) fn holder(&self) -> Option<Holder> {
        let state = self.state();
        let held = state.held.as_ref()?;
        let claim = HEXLOWER.decode(held.claim.as_bytes()).ok()?.try_into().ok()?;
        Some(Holder { claim, user: held.user.clone(), redeemed: held.redeemed })
    }

    /// Uses up a token. Gives the subject of the session that it opens.
    pub(crate) fn redeem(&self, text: &str, now: SystemTime) -> Result<String, RedeemError> {
        let token = LoginToken::verify(text, self.0.me, &self.0.obey)?;
        let mut state = self.state();
        let held = state.held.as_ref().filter(|held| held.is_of(&token.claim) && held.user == token.user);
        let mut held = held.ok_or(RedeemError::NotYours)?.clone();
        let (id, now_s) = (HEXLOWER.encode(&token.id), seconds(now));
        // Longer than the token can be good by anybody's clock.
        held.used.retain(|(_, until)| until + 60 > now_s);
        if held.used.iter().any(|(used, _)| *used == id) {
            return Err(RedeemError::Used);
        }
        if held.used.len() >= MAX_USED_TOKENS {
            return Err(RedeemError::TooMany);
        }
        held.used.push((id, seconds(token.expires)));
        held.redeemed = true;
        kept::store(&self.0.data, &held)?;
        let subject = subject(&held);
        state.held = Some(held);
        Ok(subject)
    }

    /// Whether a session of that subject is of the claim that holds.
    pub(crate) fn is_holder(&self, subject: &str) -> bool {
        self.state().held.as_ref().is_some_and(|held| self::subject(held) == subject)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn subject(held: &Held) -> String {
    format!("claim {}", held.claim)
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests;
