//! The configured links: whom this bridge dials. Kept in the data directory, effective at once.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use identity::NodeId;

use crate::{
    limits::MAX_LINKS,
    link_url::LinkUrl,
    settings::{self, SettingsError},
};

const FILE: &str = "links.json";

/// Why the list did not change.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum LinkListError {
    #[error("this bridge cannot link to itself; give the address of the other bridge")]
    Itself,
    #[error("{MAX_LINKS} links are configured already; remove one first")]
    Full,
    #[error(transparent)]
    Settings(#[from] SettingsError),
}

/// The list and its file: one link for each bridge.
#[derive(Debug)]
pub(crate) struct LinkList {
    own: NodeId,
    path: PathBuf,
    links: BTreeMap<NodeId, Row>,
}

#[derive(Debug, Clone)]
struct Row {
    url: LinkUrl,
    /// In the file, rather than given as an option of this run.
    kept: bool,
}

impl LinkList {
    /// Reads the list of a data directory. An option of this run takes the place of a kept link to the same bridge for
    /// as long as the bridge runs.
    pub(crate) fn load(data: &Path, own: NodeId, options: &[LinkUrl]) -> Result<Self, SettingsError> {
        let path = data.join(FILE);
        let kept: Vec<LinkUrl> = settings::load(&path)?.unwrap_or_default();
        let mut links = BTreeMap::new();
        for url in kept.into_iter().filter(|url| url.id != own).take(MAX_LINKS) {
            links.insert(url.id, Row { url, kept: true });
        }
        for url in options.iter().filter(|url| url.id != own) {
            let known = links.get(&url.id).is_some_and(|row: &Row| row.url == *url);
            if !known {
                links.insert(url.id, Row { url: url.clone(), kept: false });
            }
        }
        Ok(Self { own, path, links })
    }

    /// Adds a link durably; another address for the same bridge replaces the one before.
    pub(crate) fn add(&mut self, url: LinkUrl) -> Result<(), LinkListError> {
        let id = url.id;
        if id == self.own {
            return Err(LinkListError::Itself);
        }
        if !self.links.contains_key(&id) && self.links.len() >= MAX_LINKS {
            return Err(LinkListError::Full);
        }
        let before = self.links.insert(id, Row { url, kept: true });
        if let Err(error) = self.save() {
            match before {
                Some(row) => self.links.insert(id, row),
                None => self.links.remove(&id),
            };
            return Err(error.into());
        }
        Ok(())
    }

    /// Removes a link durably. It is off the list even when the file could not be written, and the error then says
    /// that it would be back after a restart.
    pub(crate) fn remove(&mut self, id: NodeId) -> Result<bool, LinkListError> {
        let Some(row) = self.links.remove(&id) else { return Ok(false) };
        if row.kept {
            self.save()?;
        }
        Ok(true)
    }

    pub(crate) fn get(&self, id: NodeId) -> Option<&LinkUrl> {
        self.links.get(&id).map(|row| &row.url)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &LinkUrl> {
        self.links.values().map(|row| &row.url)
    }

    pub(crate) fn len(&self) -> usize {
        self.links.len()
    }

    fn save(&self) -> Result<(), SettingsError> {
        let kept: Vec<&LinkUrl> = self.links.values().filter(|row| row.kept).map(|row| &row.url).collect();
        settings::store(&self.path, &kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(n: u8) -> LinkUrl {
        format!("quic://host:{n}/{}", NodeId::from_bytes([n; 32])).parse().unwrap()
    }

    #[test]
    fn links_by_command_are_kept_and_links_by_option_are_not() {
        let data = tempfile::tempdir().unwrap();
        let own = NodeId::from_bytes([9; 32]);
        let mut list = LinkList::load(data.path(), own, &[url(1)]).unwrap();
        list.add(url(2)).unwrap();
        list.add(url(2)).unwrap();
        assert!(matches!(list.add(url(9)), Err(LinkListError::Itself)));
        assert_eq!(list.len(), 2);
        let mut again = LinkList::load(data.path(), own, &[]).unwrap();
        assert_eq!(again.iter().cloned().collect::<Vec<_>>(), [url(2)]);
        assert!(again.remove(url(2).id).unwrap());
        assert!(!again.remove(url(2).id).unwrap());
        assert_eq!(LinkList::load(data.path(), own, &[]).unwrap().len(), 0);
    }
}
