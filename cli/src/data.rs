//! Data directories: where a node keeps its things, and which nodes run.

use std::{
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use runtime::socket_path;

use crate::exit::{Failure, Fault};

const FOLDER: &str = "causeway";

/// What a data directory belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Peer,
    Bridge,
    Dispatcher,
}

impl Kind {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Peer => "peer",
            Self::Bridge => "bridge",
            Self::Dispatcher => "dispatcher",
        }
    }
}

/// The data directory of a node by kind and name, after the XDG base directory specification.
pub(crate) fn default_for(kind: Kind, name: &str) -> anyhow::Result<PathBuf> {
    let readable = |c: char| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '_' };
    let folder: String = format!("{}-{name}", kind.word()).chars().map(readable).collect();
    Ok(root()?.join(folder))
}

/// The data directory that a command is about: the one given, or that of the only running node.
///
/// `kind` narrows the search to nodes that can answer the command.
pub(crate) fn of_running(given: Option<&Path>, kind: Option<Kind>) -> anyhow::Result<PathBuf> {
    if let Some(data) = given {
        return Ok(data.into());
    }
    let running = running(kind)?;
    let what = kind.map_or("node", Kind::word);
    match running.as_slice() {
        [] => Err(Fault::error(
            Failure::NotRunning,
            format!(
                "no {what} of yours is running below {}; start one, or name its directory with --data",
                root()?.display()
            ),
        )),
        [data] => Ok(data.clone()),
        many => {
            let list: String = many.iter().map(|data| format!("\n  --data {}", data.display())).collect();
            Err(Fault::error(Failure::Usage, format!("several nodes are running, choose one:{list}")))
        }
    }
}

/// The data directory for a command that works on files: the one given, or the only one there is.
pub(crate) fn of_files(given: Option<&Path>) -> anyhow::Result<PathBuf> {
    if let Some(data) = given {
        return Ok(data.into());
    }
    let all = all(None)?;
    match all.as_slice() {
        [] => default_for(Kind::Peer, &crate::settings::user_name()),
        [data] => Ok(data.clone()),
        many => {
            let list: String = many.iter().map(|data| format!("\n  --data {}", data.display())).collect();
            Err(Fault::error(Failure::Usage, format!("there are several identities, choose one:{list}")))
        }
    }
}

/// The data directories of the nodes that run, of a kind.
pub(crate) fn running(kind: Option<Kind>) -> anyhow::Result<Vec<PathBuf>> {
    let mut all = all(kind)?;
    all.retain(|data| is_running(data));
    Ok(all)
}

/// Whether the node of a data directory runs.
pub(crate) fn is_running(data: &Path) -> bool {
    UnixStream::connect(socket_path::of(data)).is_ok()
}

/// The data directories there are, of a kind.
pub(crate) fn all(kind: Option<Kind>) -> anyhow::Result<Vec<PathBuf>> {
    let root = root()?;
    let Ok(entries) = std::fs::read_dir(&root) else { return Ok(Vec::new()) };
    let wanted = |name: &str| match kind {
        Some(kind) => name.starts_with(&format!("{}-", kind.word())),
        None => ["peer-", "bridge-", "dispatcher-"].iter().any(|kind| name.starts_with(kind)),
    };
    let mut found: Vec<_> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.file_name().to_str().is_some_and(wanted))
        .map(|entry| entry.path())
        .collect();
    found.sort();
    Ok(found)
}

fn root() -> anyhow::Result<PathBuf> {
    let dirs = directories::BaseDirs::new()
        .context("cannot tell where your data belongs (no HOME); name a directory with --data")?;
    Ok(dirs.data_dir().join(FOLDER))
}
