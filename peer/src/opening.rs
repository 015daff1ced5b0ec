//! What lies on the disk, opened: who the peer is, and its history.

use std::{io, path::Path, sync::Arc};

use conversation::{Book, Conversation};
use identity::{
    keyfile::{self, KeyFileError, Start},
    tls::Identity,
};
use runtime::Unkept;
use storage::{Log, Options, Store};

use crate::{checkpoint::Keeper, error::StartError, history, wall};

/// The directory of the store within the data directory.
const STORE: &str = "store";
/// The history is one log; a few more may come.
const MAX_LOGS: usize = 16;

/// What lies on the disk, opened.
pub(crate) struct Opened {
    pub(crate) identity: Identity,
    pub(crate) start: u64,
    pub(crate) store: Arc<Store>,
    pub(crate) log: Log,
    pub(crate) keeper: Keeper,
    pub(crate) core: Conversation,
    pub(crate) book: Book,
    /// What was cut off the history, for status.
    pub(crate) cut: Option<String>,
    /// What found the disk full.
    pub(crate) unkept: Unkept,
}

/// Opens everything, the history folded. Blocks.
pub(crate) fn open(data: &Path, reserve: u64) -> Result<Opened, StartError> {
    let identity = Identity::load_or_create(data)?;
    let options = Options { max_logs: MAX_LOGS, reserve, ..Options::default() };
    // The store's lock also guards everything else in the data directory.
    let store = Arc::new(Store::open(data.join(STORE), options)?);
    let mut unkept = Unkept::default();
    let start = number(data, &mut unkept)?;
    let log = store.log(history::LOG)?;
    let cut = history::cut_damaged_end(&log)?;
    let keeper = Keeper::new(data, log.clone());
    let (core, book) = Conversation::from_history(identity.id(), rand::random(), keeper.open()?);
    Ok(Opened { identity, start, store, log, keeper, core, book, cut, unkept })
}

/// The number of this start. A full disk must not keep anybody from reading.
fn number(data: &Path, unkept: &mut Unkept) -> Result<u64, KeyFileError> {
    let Start { number, unkept: full } = keyfile::next_start(data, wall::now_s())?;
    if full.is_some() {
        let data = data.to_owned();
        let keep = move || keyfile::keep_start(&data, number).map_err(io::Error::other);
        unkept.later("the number of this start, which keeps its announcements in order,", keep);
    }
    Ok(number)
}
