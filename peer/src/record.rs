//! The peer's own description: the same bytes from start to start, as long as it says the same.

use std::{fs, path::Path};

use identity::{Description, InvalidRecord, tls::Identity};
use prost::Message as _;
use proto::node::v1::{self as node, NodeKind, Signed};

use crate::error::StartError;

const FILE: &str = "description";

/// The description of this start: the last one, or a new one with a higher sequence when name or certificate changed.
pub(crate) fn describe(
    data: &Path,
    identity: &Identity,
    name: &str,
    start: u64,
) -> Result<Description, StartError> {
    let path = data.join(FILE);
    let before = fs::read(&path).ok().and_then(|bytes| Signed::decode(bytes.as_slice()).ok());
    let before =
        before.and_then(|signed| Description::verify(signed).ok()).filter(|old| old.id() == identity.id());
    if let Some(old) = &before
        && old.name() == name
        && old.certificate() == identity.certificate()
        && old.kind() == NodeKind::Peer
    {
        return Ok(old.clone());
    }
    // The start's number grows past a lost or restored file.
    let sequence = before.map_or(start, |old| start.max(old.sequence() + 1));
    Ok(sign(data, identity, name, sequence)?)
}

/// The description of a peer that goes by another name from now on.
pub(crate) fn renamed(
    data: &Path,
    identity: &Identity,
    before: &Description,
    name: &str,
) -> Result<Description, InvalidRecord> {
    sign(data, identity, name, before.sequence() + 1)
}

fn sign(data: &Path, identity: &Identity, name: &str, sequence: u64) -> Result<Description, InvalidRecord> {
    let path = data.join(FILE);
    let description = Description::sign(
        identity.key(),
        node::Description {
            kind: NodeKind::Peer.into(),
            name: name.to_owned(),
            sequence,
            certificate: identity.certificate().clone(),
            ..node::Description::default()
        },
    )?;
    if let Err(error) = fs::write(&path, description.signed().encode_to_vec()) {
        tracing::warn!(%error, path = %path.display(), "the description could not be kept; the next start makes a new one");
    }
    Ok(description)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_stays_until_it_says_something_else() {
        let data = tempfile::tempdir().unwrap();
        let identity = Identity::ephemeral().unwrap();
        let first = describe(data.path(), &identity, "anna", 5).unwrap();
        assert_eq!(describe(data.path(), &identity, "anna", 6).unwrap(), first);
        let renamed = describe(data.path(), &identity, "annette", 2).unwrap();
        assert!(renamed.sequence() > first.sequence());
    }
}
