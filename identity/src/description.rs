//! What a node durably says of itself.

use bytes::Bytes;
use proto::node::v1::{self, NodeKind, Signed};

use crate::{
    Context, NodeId, NodeKey,
    record::{self, InvalidRecord, check_name, check_text},
};

/// The longest encoded description.
pub const MAX_DESCRIPTION_BYTES: usize = 2_048 + MAX_ATTRIBUTES * 168;
/// The longest certificate, DER.
pub const MAX_CERTIFICATE_BYTES: usize = 1_024;
/// The most dispatchers that a description names as keepers.
pub const MAX_KEEPERS: usize = 8;
/// What the keys of their attributes begin with.
const KEEPER: &str = "keeper";
/// The most attributes of a description.
pub const MAX_ATTRIBUTES: usize = 16;
/// The longest key of an attribute.
pub const MAX_ATTRIBUTE_KEY_BYTES: usize = 32;
/// The longest value of an attribute.
pub const MAX_ATTRIBUTE_VALUE_BYTES: usize = 128;

/// A verified description: whoever holds one knows that its author signed it.
#[derive(Debug, Clone, PartialEq)]
pub struct Description {
    id: NodeId,
    kind: NodeKind,
    message: v1::Description,
    hash: [u8; 32],
    signed: Signed,
}

impl Description {
    /// Signs a description. `node_id` of the message is set to the key's.
    ///
    /// # Errors
    /// [`InvalidRecord`] for a field out of bounds.
    pub fn sign(key: &NodeKey, mut message: v1::Description) -> Result<Self, InvalidRecord> {
        message.node_id = key.node_id().to_bytes();
        let signed = record::sign(key, Context::Description, &message);
        Self::verify(signed)
    }

    /// Checks bounds and signature.
    ///
    /// # Errors
    /// [`InvalidRecord`] says what does not hold.
    pub fn verify(signed: Signed) -> Result<Self, InvalidRecord> {
        let message: v1::Description = record::decode(&signed, MAX_DESCRIPTION_BYTES)?;
        let (id, kind) = check(&message)?;
        record::verify(&id, Context::Description, &signed)?;
        let hash = Self::hash_of(&signed);
        Ok(Self { id, kind, message, hash, signed })
    }

    /// The author.
    pub fn id(&self) -> NodeId {
        self.id
    }

    /// What the node is.
    pub fn kind(&self) -> NodeKind {
        self.kind
    }

    /// For people; never an identity.
    pub fn name(&self) -> &str {
        &self.message.name
    }

    /// Of two descriptions of one node the higher sequence counts.
    pub fn sequence(&self) -> u64 {
        self.message.sequence
    }

    /// The node's TLS certificate, DER.
    pub fn certificate(&self) -> &Bytes {
        &self.message.certificate
    }

    /// The value of an attribute.
    pub fn attribute(&self, key: &str) -> Option<&str> {
        self.attributes().find(|(name, _)| *name == key).map(|(_, value)| value)
    }

    /// All attributes, in the author's order.
    pub fn attributes(&self) -> impl Iterator<Item = (&str, &str)> {
        self.message.attributes.iter().map(|attribute| (attribute.key.as_str(), attribute.value.as_str()))
    }

    /// The dispatchers that keep this node, as [`keepers`] writes them.
    pub fn keepers(&self) -> impl Iterator<Item = NodeId> {
        let named = self.attributes().filter(|(key, _)| key.starts_with(KEEPER));
        named.filter_map(|(_, value)| value.parse().ok())
    }

    /// BLAKE3 of the signed bytes, as announcements name it.
    pub fn hash(&self) -> [u8; 32] {
        self.hash
    }

    /// The hash that a description of these bytes has, whether its signature holds or not.
    pub fn hash_of(signed: &Signed) -> [u8; 32] {
        *blake3::hash(&signed.body).as_bytes()
    }

    /// The exact bytes and their signature.
    pub fn signed(&self) -> &Signed {
        &self.signed
    }
}

/// The attributes that name the dispatchers which keep a node, and wake it when it sleeps; the first [`MAX_KEEPERS`] of them.
pub fn keepers(ids: &[NodeId]) -> Vec<v1::Attribute> {
    let attribute = |(number, id): (usize, &NodeId)| v1::Attribute {
        key: format!("{KEEPER}{number}"),
        value: id.to_string(),
    };
    (1..).zip(ids).take(MAX_KEEPERS).map(attribute).collect()
}

fn check(message: &v1::Description) -> Result<(NodeId, NodeKind), InvalidRecord> {
    let id = record::node_id("node id", &message.node_id)?;
    let kind = match message.kind() {
        NodeKind::Unspecified => return Err(InvalidRecord::Field("kind")),
        kind => kind,
    };
    check_name(&message.name)?;
    if message.certificate.is_empty() || message.certificate.len() > MAX_CERTIFICATE_BYTES {
        return Err(InvalidRecord::Field("certificate"));
    }
    if message.attributes.len() > MAX_ATTRIBUTES {
        return Err(InvalidRecord::Field("number of attributes"));
    }
    for attribute in &message.attributes {
        check_text("attribute key", &attribute.key, 1, MAX_ATTRIBUTE_KEY_BYTES)?;
        check_text("attribute value", &attribute.value, 0, MAX_ATTRIBUTE_VALUE_BYTES)?;
    }
    Ok((id, kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(name: &str) -> v1::Description {
        v1::Description {
            kind: NodeKind::Peer.into(),
            name: name.into(),
            sequence: 3,
            certificate: Bytes::from_static(b"certificate"),
            ..v1::Description::default()
        }
    }

    #[test]
    fn a_signed_description_verifies_and_keeps_its_bytes() {
        let key = NodeKey::from_seed([1; 32]);
        let description = Description::sign(&key, message("anna")).unwrap();
        let again = Description::verify(description.signed().clone()).unwrap();
        assert_eq!(again, description);
        assert_eq!((again.id(), again.name(), again.sequence()), (key.node_id(), "anna", 3));
    }

    #[test]
    fn a_changed_or_stolen_description_is_refused() {
        let key = NodeKey::from_seed([1; 32]);
        let signed = Description::sign(&key, message("anna")).unwrap().signed().clone();
        let mut changed = signed.body.to_vec();
        let at = changed.windows(4).position(|part| part == b"anna").unwrap();
        changed[at] = b'A';
        let changed = Signed { body: changed.into(), ..signed };
        assert_eq!(Description::verify(changed), Err(InvalidRecord::Signature));
        let mut theirs = message("anna");
        theirs.node_id = key.node_id().to_bytes();
        let stolen = record::sign(&NodeKey::from_seed([2; 32]), Context::Description, &theirs);
        assert_eq!(Description::verify(stolen), Err(InvalidRecord::Signature));
    }

    #[test]
    fn fields_out_of_bounds_are_refused() {
        let key = NodeKey::from_seed([1; 32]);
        for name in ["", "a\nb", &"x".repeat(65)] {
            assert_eq!(Description::sign(&key, message(name)), Err(InvalidRecord::Field("name")));
        }
        let unspecified = v1::Description { kind: 0, ..message("anna") };
        assert_eq!(Description::sign(&key, unspecified), Err(InvalidRecord::Field("kind")));
        let huge = Signed { body: Bytes::from(vec![0; 1 << 20]), signature: Bytes::new() };
        assert!(matches!(Description::verify(huge), Err(InvalidRecord::TooLarge { .. })));
    }
}
