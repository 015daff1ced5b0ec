//! The trust list: which bridges may link. Kept in the data directory, effective at once.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use identity::NodeId;
use serde::{Deserialize, Serialize};

use crate::{
    limits::MAX_TRUSTED,
    settings::{self, SettingsError},
    wall,
};

const FILE: &str = "trust.json";

/// How a bridge came onto the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Source {
    /// `--trust` or `--link` of this run; not kept.
    Option,
    /// `causeway trust add` or `link add`.
    Command,
    /// `causeway join`, on either side.
    Invitation,
}

/// One bridge on the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Trusted {
    pub(crate) source: Source,
    /// Milliseconds since 1970.
    pub(crate) since_ms: i64,
}

/// Why the list did not change.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum TrustError {
    #[error("this bridge cannot trust itself; give the id of the other bridge")]
    Itself,
    #[error("the trust list holds {MAX_TRUSTED} bridges already; remove one first")]
    Full,
    #[error(transparent)]
    Settings(#[from] SettingsError),
}

/// The list and its file.
#[derive(Debug)]
pub(crate) struct TrustList {
    own: NodeId,
    path: PathBuf,
    entries: BTreeMap<NodeId, Trusted>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Row {
    id: String,
    source: Source,
    since_ms: i64,
}

impl TrustList {
    /// Reads the list of a data directory and adds what the options say.
    pub(crate) fn load(data: &Path, own: NodeId, options: &[NodeId]) -> Result<Self, SettingsError> {
        let path = data.join(FILE);
        let rows: Vec<Row> = settings::load(&path)?.unwrap_or_default();
        let mut entries = BTreeMap::new();
        for row in rows.into_iter().take(MAX_TRUSTED) {
            let id = row.id.parse().map_err(|_| SettingsError::Damaged {
                path: path.clone(),
                what: format!("`{}` is not a node id", row.id),
            })?;
            entries.insert(id, Trusted { source: row.source, since_ms: row.since_ms });
        }
        let fresh = Trusted { source: Source::Option, since_ms: wall::now_ms() };
        for id in options.iter().filter(|id| **id != own) {
            entries.entry(*id).or_insert(fresh);
        }
        Ok(Self { own, path, entries })
    }

    /// Adds a bridge durably. Whether the list of ids changed.
    pub(crate) fn add(&mut self, id: NodeId, source: Source) -> Result<bool, TrustError> {
        if id == self.own {
            return Err(TrustError::Itself);
        }
        let before = self.entries.get(&id).copied();
        if before.is_some_and(|entry| entry.source != Source::Option) {
            return Ok(false);
        }
        if before.is_none() && self.entries.len() >= MAX_TRUSTED {
            return Err(TrustError::Full);
        }
        self.entries.insert(id, Trusted { source, since_ms: wall::now_ms() });
        if let Err(error) = self.save() {
            match before {
                Some(entry) => self.entries.insert(id, entry),
                None => self.entries.remove(&id),
            };
            return Err(error.into());
        }
        Ok(before.is_none())
    }

    /// Removes a bridge. It is off the list even when the file could not be written, and the error then says that it
    /// would be back after a restart.
    pub(crate) fn remove(&mut self, id: NodeId) -> Result<bool, TrustError> {
        let removed = self.entries.remove(&id);
        match removed {
            Some(entry) if entry.source != Source::Option => self.save()?,
            Some(_) | None => {}
        }
        Ok(removed.is_some())
    }

    /// The ids, for those who check.
    pub(crate) fn ids(&self) -> Arc<BTreeSet<NodeId>> {
        Arc::new(self.entries.keys().copied().collect())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&NodeId, &Trusted)> {
        self.entries.iter()
    }

    fn save(&self) -> Result<(), SettingsError> {
        let kept = self.entries.iter().filter(|(_, entry)| entry.source != Source::Option);
        let rows: Vec<Row> = kept
            .map(|(id, entry)| Row { id: id.to_string(), source: entry.source, since_ms: entry.since_ms })
            .collect();
        settings::store(&self.path, &rows)
    }
}

impl Source {
    /// As the control interface names it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Option => "option",
            Self::Command => "command",
            Self::Invitation => "invitation",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u8) -> NodeId {
        NodeId::from_bytes([n; 32])
    }

    #[test]
    fn what_was_added_is_there_after_a_restart_and_options_are_not() {
        let data = tempfile::tempdir().unwrap();
        let mut list = TrustList::load(data.path(), id(1), &[id(2)]).unwrap();
        assert!(list.add(id(3), Source::Command).unwrap());
        assert!(!list.add(id(3), Source::Invitation).unwrap());
        assert!(matches!(list.add(id(1), Source::Command), Err(TrustError::Itself)));
        let again = TrustList::load(data.path(), id(1), &[]).unwrap();
        assert_eq!(again.ids().iter().copied().collect::<Vec<_>>(), [id(3)]);
    }

    #[test]
    fn what_was_removed_stays_away() {
        let data = tempfile::tempdir().unwrap();
        let mut list = TrustList::load(data.path(), id(1), &[]).unwrap();
        list.add(id(3), Source::Invitation).unwrap();
        assert!(list.remove(id(3)).unwrap());
        assert!(!list.remove(id(3)).unwrap());
        assert!(!TrustList::load(data.path(), id(1), &[]).unwrap().ids().contains(&id(3)));
    }

    #[test]
    fn an_option_that_is_added_by_command_is_kept() {
        let data = tempfile::tempdir().unwrap();
        let mut list = TrustList::load(data.path(), id(1), &[id(2)]).unwrap();
        assert!(!list.add(id(2), Source::Command).unwrap());
        assert!(TrustList::load(data.path(), id(1), &[]).unwrap().ids().contains(&id(2)));
    }
}
