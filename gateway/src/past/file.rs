//! An exported file.

use std::{
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use topology::{
    LogId, Strict,
    limits::MAX_EXPORT_BYTES,
    past::{Archive, Past, export::ExportedLogs},
};

use super::Source;

/// Why a file cannot be looked at.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// The system did not give it.
    #[error("cannot read {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Larger than any that is read.
    #[error("{path} has {bytes} bytes; files of up to {MAX_EXPORT_BYTES} bytes are read")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
    /// Nothing in it can be used.
    #[error("{path} holds no log that can be read: {what}")]
    Nothing {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
}

/// Opens an exported file to look back at. With `checked`, whatever in it does not verify is left out and told in
/// [`Source::notes`]; without, it is kept for [`Past::verify`] to tell, whatever the file is. Blocks.
///
/// # Errors
/// [`FileError`] for a file that cannot be read, and with `checked` for one that holds nothing.
pub fn open_file(path: &Path, checked: bool) -> Result<Source, FileError> {
    let (logs, notes) = if checked { read_good(path)? } else { (read(path)?, Vec::new()) };
    let exporter = logs.exporter();
    let mut source = Source::at_rest(Arc::new(logs), exporter, None);
    source.notes = notes;
    Ok(source)
}

/// What is good of the logs of a file, and sentences about the rest.
///
/// # Errors
/// [`FileError`], also for a file that holds nothing.
pub(super) fn read_good(path: &Path) -> Result<(ExportedLogs, Vec<String>), FileError> {
    let mut logs = read(path)?;
    match (logs.logs().is_empty(), logs.faults()) {
        (true, faults) if !faults.is_empty() => {
            Err(FileError::Nothing { path: path.to_owned(), what: faults.join("; ") })
        }
        _ => {
            let notes = keep_good(&mut logs);
            Ok((logs, notes))
        }
    }
}

/// The logs of a file, as far as they can be read.
fn read(path: &Path) -> Result<ExportedLogs, FileError> {
    let failed = |source| FileError::Io { path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    let bytes = file.metadata().map_err(failed)?.len();
    if bytes > MAX_EXPORT_BYTES {
        return Err(FileError::TooLarge { path: path.to_owned(), bytes });
    }
    let mut content = Vec::new();
    // Once more than there was: what grows meanwhile is not read without end.
    file.take(MAX_EXPORT_BYTES).read_to_end(&mut content).map_err(failed)?;
    Ok(ExportedLogs::read(&Bytes::from(content)))
}

/// Cuts every log to what verifies; gives sentences about the rest.
fn keep_good(logs: &mut ExportedLogs) -> Vec<String> {
    let verified = Past::new(logs, &Strict, None).verify();
    let mut notes = verified.faults;
    let mut good = Vec::new();
    for log in verified.logs {
        let Ok(id) = LogId::from_fields(&log.owner, &log.epoch) else { continue };
        good.push((id, log.good));
        if log.bad > 0 {
            notes.push(format!(
                "log {id} ({}) is not good from event {} on: {}; what comes before it is used",
                log.name, log.bad, log.what
            ));
        }
    }
    logs.keep(good);
    notes
}
