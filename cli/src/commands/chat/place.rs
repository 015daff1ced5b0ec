//! Which peer it is about: one that runs, or one of this process.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use peer::PeerConfig;

use crate::{
    args::PeerArgs,
    data::{self, Kind},
    file::PeerTable,
    settings,
};

/// The log of a peer that has no stderr to write to, in its data directory.
const LOG: &str = "chat.log";
/// A log that is longer begins anew.
const MAX_LOG_BYTES: u64 = 1 << 20;

/// Where the conversations are.
pub(super) enum Place {
    /// The data directory of a peer that runs.
    Running(PathBuf),
    /// None runs: this process runs it.
    Own(Box<PeerConfig>),
}

/// The peer of the directory or the name that was given, else the only one that runs, else one to be started here.
pub(super) fn choose(args: PeerArgs, file: PeerTable) -> anyhow::Result<Place> {
    let name = args.node.name.clone().or_else(|| file.name.clone());
    let data = args.node.data.clone().or_else(|| file.data.clone());
    let meant = match (data, name) {
        (Some(data), _) => Some(data),
        (None, Some(name)) => Some(data::default_for(Kind::Peer, &name)?),
        (None, None) if data::running(Some(Kind::Peer))?.is_empty() => None,
        (None, None) => Some(data::of_running(None, Some(Kind::Peer))?),
    };
    match meant {
        Some(data) if data::is_running(&data) => Ok(Place::Running(data)),
        _ => Ok(Place::Own(Box::new(settings::peer(args, file)?))),
    }
}

/// Opens the log of a peer of this process.
pub(super) fn log(data: &Path) -> anyhow::Result<File> {
    let path = data.join(LOG);
    let open = || {
        // As the peer itself makes it: nobody else looks in.
        DirBuilder::new().recursive(true).mode(0o700).create(data)?;
        let long = fs::metadata(&path).is_ok_and(|log| log.len() > MAX_LOG_BYTES);
        let mut options = OpenOptions::new();
        options.create(true).mode(0o600);
        if long { options.write(true).truncate(true) } else { options.append(true) }.open(&path)
    };
    open().with_context(|| format!("cannot write {}", path.display()))
}
