//! A login: the token by which a dispatcher sends a person's browser to the peer that is theirs.
//!
//! A JSON Web Token (RFC 7519) signed with the dispatcher's node key, EdDSA over Ed25519 (RFC 8037). It is good for one
//! peer and a minute; that it is good once is up to the peer.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use data_encoding::HEXLOWER;
use ed25519_dalek::pkcs8::EncodePrivateKey as _;
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode, errors::ErrorKind,
};
use serde::{Deserialize, Serialize};

use crate::{NodeId, NodeKey};

/// How long a token is good.
pub const TOKEN_LIFETIME: Duration = Duration::from_secs(60);
/// Clocks of one installation may differ by so much.
const LEEWAY: Duration = Duration::from_secs(5);
/// The longest token that is looked at.
const MAX_TOKEN_BYTES: usize = 2_048;

/// What a login says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginToken {
    /// The dispatcher.
    pub issuer: NodeId,
    /// The peer that it opens.
    pub audience: NodeId,
    /// The person, by the dispatcher's naming.
    pub user: String,
    /// The claim by which the peer is the person's.
    pub claim: [u8; 16],
    /// Random: by it a second use is known.
    pub id: [u8; 16],
    /// Until when it is good.
    pub expires: SystemTime,
}

/// Why a token opens nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// Not a token, or changed on the way.
    #[error("this link is damaged")]
    Malformed,
    /// Signed by nobody whom this peer obeys.
    #[error("this link was made by somebody else than this peer's dispatcher")]
    Issuer,
    /// For another peer.
    #[error("this link is for another peer")]
    Audience,
    /// Too late.
    #[error("this link was good for a minute, and that is over")]
    Expired,
}

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    jti: String,
    exp: u64,
    claim: String,
}

impl LoginToken {
    /// The token as text.
    ///
    /// # Panics
    /// Never: every key can sign.
    pub fn sign(&self, key: &NodeKey) -> String {
        let header = Header { kid: Some(key.node_id().to_string()), ..Header::new(Algorithm::EdDSA) };
        let claims = Claims {
            iss: self.issuer.to_string(),
            aud: self.audience.to_string(),
            sub: self.user.clone(),
            jti: HEXLOWER.encode(&self.id),
            exp: self.expires.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
            claim: HEXLOWER.encode(&self.claim),
        };
        let der = key.signing_key().to_pkcs8_der().expect("an Ed25519 key has this form");
        encode(&header, &claims, &EncodingKey::from_ed_der(der.as_bytes())).expect("a signature cannot fail")
    }

    /// What a token says, if one of `issuers` signed it for `audience` and it is still good.
    ///
    /// # Errors
    /// [`TokenError`]: a sentence for the person.
    pub fn verify(text: &str, audience: NodeId, issuers: &[NodeId]) -> Result<Self, TokenError> {
        if text.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::Malformed);
        }
        let key = decode_header(text).ok().and_then(|header| header.kid).ok_or(TokenError::Malformed)?;
        let issuer =
            key.parse::<NodeId>().ok().filter(|id| issuers.contains(id)).ok_or(TokenError::Issuer)?;
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_audience(&[audience]);
        validation.set_issuer(&[issuer]);
        validation.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
        validation.leeway = LEEWAY.as_secs();
        let key = DecodingKey::from_ed_der(issuer.as_bytes());
        let claims = decode::<Claims>(text, &key, &validation).map_err(|error| match error.kind() {
            ErrorKind::ExpiredSignature => TokenError::Expired,
            ErrorKind::InvalidAudience => TokenError::Audience,
            ErrorKind::InvalidIssuer => TokenError::Issuer,
            _ => TokenError::Malformed,
        })?;
        let claims = claims.claims;
        Ok(Self {
            issuer,
            audience,
            user: claims.sub,
            claim: bytes_of(&claims.claim)?,
            id: bytes_of(&claims.jti)?,
            expires: UNIX_EPOCH + Duration::from_secs(claims.exp.min(u64::from(u32::MAX))),
        })
    }
}

fn bytes_of(text: &str) -> Result<[u8; 16], TokenError> {
    let bytes = HEXLOWER.decode(text.as_bytes()).map_err(|_| TokenError::Malformed)?;
    bytes.try_into().map_err(|_| TokenError::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(seed: u8) -> NodeKey {
        NodeKey::from_seed([seed; 32])
    }

    fn token(expires_in: i64) -> LoginToken {
        let (now, distance) = (SystemTime::now(), Duration::from_secs(expires_in.unsigned_abs()));
        let expires = if expires_in < 0 { now - distance } else { now + distance };
        let whole = expires.duration_since(UNIX_EPOCH).unwrap().as_secs();
        LoginToken {
            issuer: key(1).node_id(),
            audience: key(2).node_id(),
            user: "u1".into(),
            claim: [7; 16],
            id: [8; 16],
            expires: UNIX_EPOCH + Duration::from_secs(whole),
        }
    }

    #[test]
    fn a_token_says_what_was_signed() {
        let token = token(60);
        let text = token.sign(&key(1));
        assert_eq!(LoginToken::verify(&text, token.audience, &[key(3).node_id(), token.issuer]), Ok(token));
    }

    #[test]
    fn a_token_is_good_for_one_peer_and_not_for_long_and_of_whom_the_peer_obeys() {
        let (peer, issuers) = (key(2).node_id(), [key(1).node_id()]);
        let refused = |text: &str, peer| LoginToken::verify(text, peer, &issuers).unwrap_err();
        assert_eq!(refused(&token(-60).sign(&key(1)), peer), TokenError::Expired);
        assert_eq!(refused(&token(60).sign(&key(1)), key(4).node_id()), TokenError::Audience);
        assert_eq!(refused(&token(60).sign(&key(5)), peer), TokenError::Issuer);
        // Somebody signs as if he were the dispatcher.
        let forged = LoginToken { issuer: key(5).node_id(), ..token(60) }.sign(&key(5));
        let [_, claims, _] = <[&str; 3]>::try_from(forged.split('.').collect::<Vec<_>>()).unwrap();
        let good = token(60).sign(&key(1));
        let [header, _, signature] = <[&str; 3]>::try_from(good.split('.').collect::<Vec<_>>()).unwrap();
        assert_eq!(refused(&format!("{header}.{claims}.{signature}"), peer), TokenError::Malformed);
        for text in ["", "a.b.c", &good[..good.len() - 4], &"x".repeat(5_000)] {
            assert_eq!(refused(text, peer), TokenError::Malformed, "{text}");
        }
    }

    #[test]
    fn a_token_without_a_signature_is_none() {
        let good = token(60).sign(&key(1));
        let claims = good.split('.').nth(1).unwrap();
        let kid = key(1).node_id();
        let header = data_encoding::BASE64URL_NOPAD
            .encode(format!(r#"{{"alg":"none","typ":"JWT","kid":"{kid}"}}"#).as_bytes());
        let refused = LoginToken::verify(&format!("{header}.{claims}."), key(2).node_id(), &[kid]);
        assert_eq!(refused, Err(TokenError::Malformed));
    }
}
