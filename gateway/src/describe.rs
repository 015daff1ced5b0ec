//! The bridge's own description: the same at every start, unless its name changes.

use std::path::Path;

use identity::{Description, InvalidRecord, tls::Identity};
use proto::node::v1::{self, NodeKind};
use runtime::Unkept;
use serde::{Deserialize, Serialize};

use crate::settings::{self, SettingsError};

const FILE: &str = "description.json";

#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    name: String,
    sequence: u64,
}

/// Why there is no description.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DescribeError {
    /// The name, above all.
    #[error("the bridge cannot be described: {0}; a name has 1 to 64 bytes and no control characters")]
    Invalid(#[from] InvalidRecord),
    /// The file that remembers its sequence.
    #[error(transparent)]
    Settings(#[from] SettingsError),
}

/// Signs the description. `start` is the number of this start: larger than every sequence used before.
pub(crate) fn describe(
    data: &Path,
    identity: &Identity,
    name: &str,
    (start, unkept): (u64, &mut Unkept),
) -> Result<Description, DescribeError> {
    let path = data.join(FILE);
    let kept: Option<Kept> = settings::load(&path)?;
    let kept = kept.filter(|kept| kept.name == name);
    let sequence = kept.as_ref().map_or(start, |kept| kept.sequence);
    let message = v1::Description {
        kind: NodeKind::Bridge.into(),
        name: name.to_owned(),
        sequence,
        certificate: identity.certificate().clone(),
        ..v1::Description::default()
    };
    let description = Description::sign(identity.key(), message)?;
    if kept.is_none() {
        settings::store_or_later(&path, &Kept { name: name.to_owned(), sequence }, unkept)?;
    }
    Ok(description)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restart_describes_the_same_and_a_new_name_counts_as_newer() {
        let data = tempfile::tempdir().unwrap();
        let identity = Identity::ephemeral().unwrap();
        let describe = |name, start| describe(data.path(), &identity, name, (start, &mut Unkept::default()));
        let first = describe("one", 5).unwrap();
        assert_eq!(describe("one", 6).unwrap(), first);
        let renamed = describe("two", 7).unwrap();
        assert!(renamed.sequence() > first.sequence());
        assert!(describe("", 8).is_err());
    }
}
