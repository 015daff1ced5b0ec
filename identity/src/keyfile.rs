//! The key on disk: created once, readable by its owner alone, never overwritten.

use std::{
    fs::{self, DirBuilder, OpenOptions, Permissions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
};

use ed25519_dalek::{
    SigningKey,
    pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, spki::der::pem::LineEnding},
};

use crate::NodeKey;

mod error;

pub use error::KeyFileError;

/// The folder of the identity within a data directory.
pub const FOLDER: &str = "identity";
/// The node key's file within that folder: PKCS #8 (RFC 5958) as PEM, with the public key.
pub const NODE_KEY_FILE: &str = "node.key";

const STARTS_FILE: &str = "starts";
/// No file of an identity is larger than this.
const MAX_FILE_BYTES: u64 = 16 * 1024;

/// Reads the node key of a data directory.
///
/// # Errors
/// [`KeyFileError`]; nothing on disk changes.
pub fn load(data: &Path) -> Result<NodeKey, KeyFileError> {
    let path = data.join(FOLDER).join(NODE_KEY_FILE);
    decode(&read_secret(&path)?).map_err(|what| KeyFileError::Damaged { path, what })
}

/// Reads the node key of a data directory, or makes one where there is none.
///
/// # Errors
/// [`KeyFileError`]; an existing file is never changed.
pub fn load_or_create(data: &Path) -> Result<NodeKey, KeyFileError> {
    match load(data) {
        Err(KeyFileError::Missing { .. }) => {
            let key = NodeKey::generate();
            match store(data, &key) {
                // Another process was faster: its key counts.
                Err(KeyFileError::Exists { .. }) => load(data),
                stored => stored.map(|()| key),
            }
        }
        loaded => loaded,
    }
}

/// Stores a node key durably where none is.
///
/// # Errors
/// [`KeyFileError::Exists`] when there is one, else what the file system said.
pub fn store(data: &Path, key: &NodeKey) -> Result<(), KeyFileError> {
    write_secret(&data.join(FOLDER).join(NODE_KEY_FILE), encode(key).as_bytes())
}

/// The number of a start, from [`next_start`].
#[derive(Debug)]
pub struct Start {
    /// Larger than that of every earlier start that was kept.
    pub number: u64,
    /// Why it could not be kept: the disk is full. [`keep_start`] makes up for it once there is room.
    pub unkept: Option<KeyFileError>,
}

/// The number of this start of the node: larger than that of every earlier start, and durable before it is returned.
/// The high part of an announcement's sequence.
///
/// Only on a full disk is it returned all the same, and says so: a node goes on then, and the clock alone makes the
/// next start's number larger, unless [`keep_start`] gets it to the disk in time.
///
/// # Errors
/// [`KeyFileError`] when it cannot be stored for another reason: a node must not announce with a number it could use
/// again.
pub fn next_start(data: &Path, unix_seconds: u64) -> Result<Start, KeyFileError> {
    // The clock makes the number grow even past a restored backup; the file makes it grow past a clock set back.
    let number = unix_seconds.max(last_start(data)? + 1);
    match keep_start(data, number) {
        Ok(()) => Ok(Start { number, unkept: None }),
        Err(error) if error.is_full() => Ok(Start { number, unkept: Some(error) }),
        Err(error) => Err(error),
    }
}

/// Keeps the number of a start durably.
///
/// # Errors
/// [`KeyFileError`] when it cannot be stored; the number before is kept then.
pub fn keep_start(data: &Path, number: u64) -> Result<(), KeyFileError> {
    let path = data.join(FOLDER).join(STARTS_FILE);
    let fresh = path.with_extension("new");
    let _ = fs::remove_file(&fresh);
    write_secret(&fresh, format!("{number}\n").as_bytes())?;
    fs::rename(&fresh, &path)
        .and_then(|()| sync_folder_of(&path))
        .map_err(|source| KeyFileError::Io { path, source })
}

fn last_start(data: &Path) -> Result<u64, KeyFileError> {
    let path = data.join(FOLDER).join(STARTS_FILE);
    match read_secret(&path) {
        Ok(text) => parse_start(&text)
            .ok_or_else(|| KeyFileError::Damaged { path, what: "it should hold one number".into() }),
        Err(KeyFileError::Missing { .. }) => Ok(0),
        Err(error) => Err(error),
    }
}

fn parse_start(text: &[u8]) -> Option<u64> {
    let start: u64 = std::str::from_utf8(text).ok()?.trim().parse().ok()?;
    (start < 1 << 40).then_some(start)
}

pub(crate) fn encode(key: &NodeKey) -> zeroize::Zeroizing<String> {
    key.signing_key().to_pkcs8_pem(LineEnding::LF).expect("an Ed25519 key always encodes")
}

pub(crate) fn decode(pem: &[u8]) -> Result<NodeKey, String> {
    let text = std::str::from_utf8(pem).map_err(|_| "it is not text".to_owned())?;
    SigningKey::from_pkcs8_pem(text)
        .map(NodeKey::from)
        .map_err(|error| format!("it holds no Ed25519 key ({error})"))
}

/// Reads a small file that only its owner may read.
pub(crate) fn read_secret(path: &Path) -> Result<Vec<u8>, KeyFileError> {
    let io_error = |source| KeyFileError::Io { path: path.into(), source };
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(KeyFileError::Missing { path: path.into() });
        }
        Err(error) => return Err(io_error(error)),
    };
    check_closed(path, &file.metadata().map_err(io_error)?.permissions())?;
    if let Some(folder) = path.parent() {
        check_closed(folder, &fs::metadata(folder).map_err(io_error)?.permissions())?;
    }
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES).read_to_end(&mut bytes).map_err(io_error)?;
    Ok(bytes)
}

fn check_closed(path: &Path, permissions: &Permissions) -> Result<(), KeyFileError> {
    let mode = permissions.mode() & 0o777;
    if mode & 0o077 == 0 { Ok(()) } else { Err(KeyFileError::Exposed { path: path.into(), mode }) }
}

/// Writes a file that only its owner may read, durably, where none is: whole or not at all.
pub(crate) fn write_secret(path: &Path, bytes: &[u8]) -> Result<(), KeyFileError> {
    let io_error = |source| KeyFileError::Io { path: path.into(), source };
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(io_error)?;
    // A crash in the middle leaves this file behind, never a half key under the real name.
    let partial = path.with_extension(format!("partial-{}", std::process::id()));
    let _ = fs::remove_file(&partial);
    let written = write_and_sync(&partial, bytes).and_then(|()| fs::hard_link(&partial, path));
    let _ = fs::remove_file(&partial);
    match written {
        Ok(()) => sync_folder_of(path).map_err(io_error),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Err(KeyFileError::Exists { path: path.into() })
        }
        Err(error) => Err(io_error(error)),
    }
}

/// A name is durable only once its folder is.
fn sync_folder_of(path: &Path) -> io::Result<()> {
    fs::File::open(path.parent().unwrap_or_else(|| Path::new(".")))?.sync_all()
}

fn write_and_sync(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn key_path(data: &Path) -> PathBuf {
        data.join(FOLDER).join(NODE_KEY_FILE)
    }

    #[test]
    fn a_key_is_made_once_and_found_again() {
        let data = tempfile::tempdir().unwrap();
        assert!(matches!(load(data.path()), Err(KeyFileError::Missing { .. })));
        let key = load_or_create(data.path()).unwrap();
        assert_eq!(load_or_create(data.path()).unwrap().node_id(), key.node_id());
        assert!(matches!(store(data.path(), &key), Err(KeyFileError::Exists { .. })));
        assert_eq!(fs::metadata(key_path(data.path())).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(data.path().join(FOLDER)).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_damaged_key_is_named_and_left_alone() {
        let data = tempfile::tempdir().unwrap();
        load_or_create(data.path()).unwrap();
        let path = key_path(data.path());
        let good = fs::read(&path).unwrap();
        for cut in [0, 10, good.len() / 2, good.len() - 30] {
            fs::write(&path, &good[..cut]).unwrap();
            assert!(matches!(load_or_create(data.path()), Err(KeyFileError::Damaged { .. })), "cut at {cut}");
            assert_eq!(fs::read(&path).unwrap(), &good[..cut]);
        }
    }

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        let data = tempfile::tempdir().unwrap();
        load_or_create(data.path()).unwrap();
        fs::set_permissions(key_path(data.path()), Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(load(data.path()), Err(KeyFileError::Exposed { mode: 0o644, .. })));
    }

    #[test]
    fn starts_grow_even_when_the_clock_goes_back() {
        let data = tempfile::tempdir().unwrap();
        load_or_create(data.path()).unwrap();
        let next = |seconds| next_start(data.path(), seconds).unwrap().number;
        assert_eq!(next(1_000), 1_000);
        assert_eq!(next(0), 1_001);
        assert_eq!(next(5_000), 5_000);
    }
}
