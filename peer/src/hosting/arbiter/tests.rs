//! Claims and tokens over the file on the disk.

use identity::{NodeKey, token::TOKEN_LIFETIME};

use super::*;

const ONE: [u8; 16] = [1; 16];
const OTHER: [u8; 16] = [2; 16];

fn key(seed: u8) -> NodeKey {
    NodeKey::from_seed([seed; 32])
}

fn open(data: &Path) -> Arbiter {
    Arbiter::open(data, key(2).node_id(), vec![key(1).node_id()]).unwrap()
}

fn token(claim: [u8; 16], id: u8) -> String {
    let token = LoginToken {
        issuer: key(1).node_id(),
        audience: key(2).node_id(),
        user: "u".into(),
        claim,
        id: [id; 16],
        expires: SystemTime::now() + TOKEN_LIFETIME,
    };
    token.sign(&key(1))
}

#[test]
fn the_first_claim_counts_also_after_a_restart() {
    let data = tempfile::tempdir().unwrap();
    let (arbiter, now) = (open(data.path()), Instant::now());
    assert!(*arbiter.vacancy().borrow());
    assert_eq!(arbiter.claim(&ONE, "u", now).unwrap(), CLAIM_LEASE);
    assert!(matches!(arbiter.claim(&OTHER, "v", now), Err(ClaimError::Taken)));
    let again = open(data.path());
    assert!(!*again.vacancy().borrow());
    assert!(matches!(again.claim(&OTHER, "v", Instant::now()), Err(ClaimError::Taken)));
    assert!(again.claim(&ONE, "u", Instant::now()).is_ok(), "the same claim is the same claim");
    assert_eq!(again.holder().unwrap(), Holder { claim: ONE, user: "u".into(), redeemed: false });
}

#[test]
fn a_lease_ends_unless_a_token_was_used() {
    let data = tempfile::tempdir().unwrap();
    let (arbiter, now) = (open(data.path()), Instant::now());
    arbiter.claim(&ONE, "u", now).unwrap();
    let later = now + CLAIM_LEASE;
    assert_eq!(arbiter.claim(&OTHER, "u", later).unwrap(), CLAIM_LEASE);
    assert!(matches!(arbiter.redeem(&token(ONE, 1), SystemTime::now()), Err(RedeemError::NotYours)));
    arbiter.redeem(&token(OTHER, 2), SystemTime::now()).unwrap();
    assert!(matches!(arbiter.claim(&ONE, "u", later + 100 * CLAIM_LEASE), Err(ClaimError::Taken)));
    assert_eq!(arbiter.claim(&OTHER, "u", later).unwrap(), Duration::ZERO);
}

#[test]
fn a_token_is_good_once_also_after_a_restart() {
    let data = tempfile::tempdir().unwrap();
    let arbiter = open(data.path());
    let now = SystemTime::now();
    assert!(matches!(arbiter.redeem(&token(ONE, 1), now), Err(RedeemError::NotYours)), "nobody's yet");
    arbiter.claim(&ONE, "u", Instant::now()).unwrap();
    let subject = arbiter.redeem(&token(ONE, 1), now).unwrap();
    assert!(arbiter.is_holder(&subject) && !arbiter.is_holder("owner"));
    assert!(matches!(arbiter.redeem(&token(ONE, 1), now), Err(RedeemError::Used)));
    let again = open(data.path());
    assert!(matches!(again.redeem(&token(ONE, 1), now), Err(RedeemError::Used)));
    assert_eq!(again.redeem(&token(ONE, 2), now).unwrap(), subject, "the session is the same person's");
}

#[test]
fn a_claim_that_cannot_be_read_gives_the_peer_to_nobody() {
    let data = tempfile::tempdir().unwrap();
    open(data.path()).claim(&ONE, "u", Instant::now()).unwrap();
    std::fs::write(data.path().join("claim"), "{").unwrap();
    assert!(Arbiter::open(data.path(), key(2).node_id(), Vec::new()).is_err());
}
