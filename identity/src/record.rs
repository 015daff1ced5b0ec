//! What signed records have in common: bounds, and the check of a signature over exact bytes.

use bytes::Bytes;
use prost::Message;
use proto::node::v1::Signed;

use crate::{Context, NodeId, NodeKey, key};

/// The longest name of a node, in bytes.
pub const MAX_NAME_BYTES: usize = 64;

/// A record that is not to be believed. Its author, or whoever changed it, is at fault; nothing of it was taken over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidRecord {
    /// Larger than any honest record.
    #[error("the record has {bytes} bytes, at most {most} are allowed")]
    TooLarge {
        /// As received.
        bytes: usize,
        /// The bound.
        most: usize,
    },
    /// Not an encoded message of this kind.
    #[error("the record cannot be decoded")]
    Undecodable,
    /// A field that breaks its bounds.
    #[error("the record's {0} is missing or out of bounds")]
    Field(&'static str),
    /// Signed by somebody else, for something else, or changed.
    #[error("the record's signature does not match its author and content")]
    Signature,
}

/// Checks a name for people: 1 to 64 bytes of UTF-8 without control characters.
///
/// # Errors
/// [`InvalidRecord::Field`] when it is not.
pub fn check_name(name: &str) -> Result<(), InvalidRecord> {
    check_text("name", name, 1, MAX_NAME_BYTES)
}

pub(crate) fn check_text(
    field: &'static str,
    text: &str,
    least: usize,
    most: usize,
) -> Result<(), InvalidRecord> {
    if (least..=most).contains(&text.len()) && !text.chars().any(char::is_control) {
        Ok(())
    } else {
        Err(InvalidRecord::Field(field))
    }
}

pub(crate) fn check_length(field: &'static str, bytes: &Bytes, length: usize) -> Result<(), InvalidRecord> {
    if bytes.len() == length { Ok(()) } else { Err(InvalidRecord::Field(field)) }
}

pub(crate) fn node_id(field: &'static str, bytes: &Bytes) -> Result<NodeId, InvalidRecord> {
    NodeId::try_from(bytes).map_err(|_| InvalidRecord::Field(field))
}

pub(crate) fn decode<M: Message + Default>(signed: &Signed, most: usize) -> Result<M, InvalidRecord> {
    if signed.body.len() > most {
        return Err(InvalidRecord::TooLarge { bytes: signed.body.len(), most });
    }
    M::decode(signed.body.clone()).map_err(|_| InvalidRecord::Undecodable)
}

pub(crate) fn sign(key: &NodeKey, context: Context, message: &impl Message) -> Signed {
    let body = Bytes::from(message.encode_to_vec());
    let signature = key.sign(context, &body);
    Signed { body, signature }
}

pub(crate) fn verify(author: &NodeId, context: Context, signed: &Signed) -> Result<(), InvalidRecord> {
    key::verify(author, context, &signed.body, &signed.signature).map_err(|_| InvalidRecord::Signature)
}
