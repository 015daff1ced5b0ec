//! The token: `causeway1-` and base64url of the signed invitation.

use bytes::Bytes;
use data_encoding::BASE64URL_NOPAD;
use identity::{Context, Network, NodeId, NodeKey, SIGNATURE_BYTES, verify};
use prost::Message as _;

use crate::limits::{MAX_INVITATION_ADDRESSES, MAX_TOKEN_CHARS};

const PREFIX: &str = "causeway1-";

/// Length of the secret.
pub(crate) const SECRET_BYTES: usize = 32;

/// What an invitation says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Invitation {
    /// The inviting bridge.
    pub(crate) bridge: NodeId,
    /// Its name, for people.
    pub(crate) name: String,
    /// The network it serves.
    pub(crate) network: Network,
    /// Where to dial its link port, `HOST:PORT` each.
    pub(crate) addresses: Vec<String>,
    /// Shown once.
    pub(crate) secret: [u8; SECRET_BYTES],
    /// By the inviter's clock, milliseconds since 1970.
    pub(crate) expires_ms: i64,
}

/// Why a text is not an invitation. Whoever passed it on is at fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TokenError {
    #[error(
        "this is not an invitation: a token begins with {PREFIX}; copy the whole line that `causeway invite` printed"
    )]
    Prefix,
    #[error("the invitation is cut off or has letters that do not belong there; copy it again as one line")]
    Undecodable,
    #[error(
        "the invitation was changed on its way: its signature does not fit; copy it again, or ask for a new one"
    )]
    Forged,
    #[error("the invitation has a wrong {0}; ask for a new one")]
    Field(&'static str),
}

#[derive(Clone, PartialEq, prost::Message)]
struct Body {
    #[prost(bytes = "bytes", tag = "1")]
    bridge: Bytes,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(message, optional, tag = "3")]
    network: Option<proto::node::v1::Network>,
    #[prost(string, repeated, tag = "4")]
    addresses: Vec<String>,
    #[prost(bytes = "bytes", tag = "5")]
    secret: Bytes,
    #[prost(int64, tag = "6")]
    expires_ms: i64,
}

impl Invitation {
    /// The token, signed by the inviting bridge.
    pub(crate) fn sign(&self, key: &NodeKey) -> String {
        let body = Body {
            bridge: self.bridge.to_bytes(),
            name: self.name.clone(),
            network: Some(self.network.to_proto()),
            addresses: self.addresses.clone(),
            secret: Bytes::copy_from_slice(&self.secret),
            expires_ms: self.expires_ms,
        }
        .encode_to_vec();
        let mut bytes = key.sign(Context::Invitation, &body).to_vec();
        bytes.extend_from_slice(&body);
        format!("{PREFIX}{}", BASE64URL_NOPAD.encode(&bytes))
    }

    /// Reads a token.
    pub(crate) fn parse(token: &str) -> Result<Self, TokenError> {
        let text = token.trim().strip_prefix(PREFIX).ok_or(TokenError::Prefix)?;
        if text.len() > MAX_TOKEN_CHARS {
            return Err(TokenError::Undecodable);
        }
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| TokenError::Undecodable)?;
        let (signature, body) = bytes.split_at_checked(SIGNATURE_BYTES).ok_or(TokenError::Undecodable)?;
        // Before the signature is checked the body only names the key to check it with.
        let message = Body::decode(body).map_err(|_| TokenError::Forged)?;
        let bridge = NodeId::try_from(&message.bridge).map_err(|_| TokenError::Forged)?;
        verify(&bridge, Context::Invitation, body, signature).map_err(|_| TokenError::Forged)?;
        message.check(bridge)
    }
}

impl Body {
    fn check(self, bridge: NodeId) -> Result<Invitation, TokenError> {
        let network = self.network.as_ref().ok_or(TokenError::Field("network"))?;
        let network = Network::from_proto(network).map_err(|_| TokenError::Field("network"))?;
        let secret = self.secret.as_ref().try_into().map_err(|_| TokenError::Field("secret"))?;
        if self.addresses.is_empty() || self.addresses.len() > MAX_INVITATION_ADDRESSES {
            return Err(TokenError::Field("number of addresses"));
        }
        let wrong = |address: &String| crate::link_url::check_host_port(address).is_err();
        if self.addresses.iter().any(wrong) {
            return Err(TokenError::Field("address"));
        }
        identity::check_name(&self.name).map_err(|_| TokenError::Field("name"))?;
        let Self { name, addresses, expires_ms, .. } = self;
        Ok(Invitation { bridge, name, network, addresses, secret, expires_ms })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invitation(key: &NodeKey) -> Invitation {
        Invitation {
            bridge: key.node_id(),
            name: "cloud".into(),
            network: Network::named("cloud"),
            addresses: vec!["198.51.100.7:30020".into()],
            secret: [3; SECRET_BYTES],
            expires_ms: 1_700_000_000_000,
        }
    }

    #[test]
    fn a_token_reads_back() {
        let key = NodeKey::from_seed([1; 32]);
        let token = invitation(&key).sign(&key);
        assert!(token.len() < 400, "{}", token.len());
        assert_eq!(Invitation::parse(&format!(" {token}\n")), Ok(invitation(&key)));
    }

    #[test]
    fn a_token_with_any_character_changed_or_missing_is_refused() {
        let key = NodeKey::from_seed([1; 32]);
        let token = invitation(&key).sign(&key);
        for at in 0..token.len() {
            let swap = if &token[at..=at] == "A" { "B" } else { "A" };
            let changed = format!("{}{swap}{}", &token[..at], &token[at + 1..]);
            assert!(Invitation::parse(&changed).is_err(), "changed at {at}");
            assert!(Invitation::parse(&token[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn a_token_signed_by_another_key_is_refused() {
        let (key, other) = (NodeKey::from_seed([1; 32]), NodeKey::from_seed([2; 32]));
        assert_eq!(Invitation::parse(&invitation(&key).sign(&other)), Err(TokenError::Forged));
    }
}
