//! Small files of settings in the data directory: JSON, replaced as a whole, durable before it counts.

use std::{
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use runtime::{Unkept, replace_file};
use serde::{Serialize, de::DeserializeOwned};

use crate::limits::MAX_SETTINGS_FILE;

/// Why a file of settings could not be used. It is never overwritten when it could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// The file system refused.
    #[error("cannot use {}: {source}; check the directory's permissions and free space", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The content cannot be read.
    #[error("{} is damaged: {what}; it was left untouched: repair it, or move it away to begin without", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
}

/// Reads a file; `None` when there is none.
pub(crate) fn load<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, SettingsError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(SettingsError::Io { path: path.into(), source }),
    };
    let mut text = Vec::new();
    file.take(MAX_SETTINGS_FILE + 1)
        .read_to_end(&mut text)
        .map_err(|source| SettingsError::Io { path: path.into(), source })?;
    let damaged = |what: String| SettingsError::Damaged { path: path.into(), what };
    if text.len() as u64 > MAX_SETTINGS_FILE {
        return Err(damaged(format!("it is larger than {MAX_SETTINGS_FILE} bytes")));
    }
    serde_json::from_slice(&text).map(Some).map_err(|error| damaged(error.to_string()))
}

/// Like [`store`], but a full disk sets the file aside for later: it must not keep a bridge from starting.
pub(crate) fn store_or_later<T: Serialize>(
    path: &Path,
    value: &T,
    unkept: &mut Unkept,
) -> Result<(), SettingsError> {
    let (text, path) = (encode(path, value)?, path.to_owned());
    let what = path.display().to_string();
    let failed = |source| SettingsError::Io { path: path.clone(), source };
    let target = path.clone();
    unkept.write(what, move || replace_file(&target, &text)).map_err(failed)
}

/// Replaces a file: the old content or the new one is there after a crash, never a mixture.
pub(crate) fn store<T: Serialize>(path: &Path, value: &T) -> Result<(), SettingsError> {
    replace_file(path, &encode(path, value)?)
        .map_err(|source| SettingsError::Io { path: path.into(), source })
}

fn encode<T: Serialize>(path: &Path, value: &T) -> Result<Vec<u8>, SettingsError> {
    let mut text = serde_json::to_vec_pretty(value)
        .map_err(|error| SettingsError::Damaged { path: path.into(), what: error.to_string() })?;
    text.push(b'\n');
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_was_stored_is_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list.json");
        assert_eq!(load::<Vec<u32>>(&path).unwrap(), None);
        store(&path, &vec![1, 2]).unwrap();
        store(&path, &vec![3]).unwrap();
        assert_eq!(load::<Vec<u32>>(&path).unwrap(), Some(vec![3]));
    }

    #[test]
    fn a_damaged_file_is_named_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list.json");
        fs::write(&path, b"[1, ").unwrap();
        let error = load::<Vec<u32>>(&path).unwrap_err();
        assert!(matches!(error, SettingsError::Damaged { .. }), "{error}");
        assert!(error.to_string().contains("list.json"), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"[1, ");
    }
}
