//! Invitations: one-time tokens with which one other bridge may join.
//!
//! `invite` makes a token and keeps only the hash of its secret; `join` reads it, dials, and shows the secret in its
//! hello. The inviter then trusts whoever showed it, once. Expiry is measured by the inviter's clock at both ends of
//! the invitation's life, so clocks of different machines are never compared.

mod ledger;
mod token;

pub(crate) use ledger::{InviteError, Ledger, RedeemError};
pub(crate) use token::{Invitation, SECRET_BYTES, TokenError};
