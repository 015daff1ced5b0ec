//! The peer's own description: the same bytes from start to start, as long as it says the same.

use std::{fs, path::Path};

use identity::{Description, InvalidRecord, NodeId, keepers, tls::Identity};
use prost::Message as _;
use proto::node::v1::{self as node, NodeKind, Signed};

use crate::{error::StartError, hosting::VACANT};

const FILE: &str = "description";

/// What a peer says of itself that may change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Saying<'a> {
    pub(crate) name: &'a str,
    /// A dispatcher keeps it, and it is nobody's yet.
    pub(crate) vacant: bool,
    /// The dispatchers that keep it, and wake it when it sleeps.
    pub(crate) keepers: Vec<NodeId>,
}

impl<'a> Saying<'a> {
    /// What a description says.
    pub(crate) fn of(description: &'a Description) -> Self {
        Self {
            name: description.name(),
            vacant: description.attribute(VACANT).is_some(),
            keepers: description.keepers().collect(),
        }
    }
}

/// The description of this start: the last one, or a new one with a higher sequence when what it says has changed, or the
/// certificate.
pub(crate) fn describe(
    data: &Path,
    identity: &Identity,
    saying: Saying<'_>,
    start: u64,
) -> Result<Description, StartError> {
    let path = data.join(FILE);
    let before = fs::read(&path).ok().and_then(|bytes| Signed::decode(bytes.as_slice()).ok());
    let before =
        before.and_then(|signed| Description::verify(signed).ok()).filter(|old| old.id() == identity.id());
    if let Some(old) = &before
        && Saying::of(old) == saying
        && old.certificate() == identity.certificate()
        && old.kind() == NodeKind::Peer
    {
        return Ok(old.clone());
    }
    // The start's number grows past a lost or restored file.
    let sequence = before.map_or(start, |old| start.max(old.sequence() + 1));
    Ok(sign(data, identity, &saying, sequence)?)
}

/// The description of a peer that says something else from now on.
pub(crate) fn changed(
    data: &Path,
    identity: &Identity,
    before: &Description,
    saying: &Saying<'_>,
) -> Result<Description, InvalidRecord> {
    sign(data, identity, saying, before.sequence() + 1)
}

fn sign(
    data: &Path,
    identity: &Identity,
    saying: &Saying<'_>,
    sequence: u64,
) -> Result<Description, InvalidRecord> {
    let path = data.join(FILE);
    let attributes = saying.vacant.then(vacant).into_iter().chain(keepers(&saying.keepers));
    let description = Description::sign(
        identity.key(),
        node::Description {
            kind: NodeKind::Peer.into(),
            name: saying.name.to_owned(),
            sequence,
            attributes: attributes.collect(),
            certificate: identity.certificate().clone(),
            ..node::Description::default()
        },
    )?;
    if let Err(error) = fs::write(&path, description.signed().encode_to_vec()) {
        tracing::warn!(%error, path = %path.display(), "the description could not be kept; the next start makes a new one");
    }
    Ok(description)
}

fn vacant() -> node::Attribute {
    node::Attribute { key: VACANT.to_owned(), value: String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saying(name: &str, vacant: bool) -> Saying<'_> {
        Saying { name, vacant, keepers: Vec::new() }
    }

    #[test]
    fn a_description_stays_until_it_says_something_else() {
        let data = tempfile::tempdir().unwrap();
        let identity = Identity::ephemeral().unwrap();
        let first = describe(data.path(), &identity, saying("anna", false), 5).unwrap();
        assert_eq!(describe(data.path(), &identity, saying("anna", false), 6).unwrap(), first);
        let renamed = describe(data.path(), &identity, saying("annette", false), 2).unwrap();
        assert!(renamed.sequence() > first.sequence());
        let vacant = describe(data.path(), &identity, saying("annette", true), 2).unwrap();
        assert!(vacant.sequence() > renamed.sequence() && vacant.attribute(VACANT).is_some());
        let keeper = Identity::ephemeral().unwrap().id();
        let kept = Saying { keepers: vec![keeper], ..saying("annette", true) };
        let kept = describe(data.path(), &identity, kept, 2).unwrap();
        assert_eq!(kept.keepers().collect::<Vec<_>>(), [keeper]);
        assert!(kept.sequence() > vacant.sequence());
    }
}
