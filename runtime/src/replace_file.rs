//! Small files that change as a whole.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

/// Puts a file with this content in the place of the one before, for its owner alone: after a crash there is the one
/// or the other, whole. It is on the disk on return. Blocks.
///
/// Meanwhile the new one lies beside it, with the extension `new`.
///
/// # Errors
/// What the system says; the file before is untouched then.
pub fn replace_file(path: &Path, content: &[u8]) -> io::Result<()> {
    let fresh = path.with_extension("new");
    let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&fresh)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&fresh, path)?;
    match path.parent().map(File::open) {
        Some(Ok(folder)) => folder.sync_all(),
        _ => Ok(()),
    }
}
