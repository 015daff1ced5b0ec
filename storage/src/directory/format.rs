//! The format of a store, in a file of its own that is read before anything else.

use std::fs::{self, File};
use std::io::{self, Write};

use crate::directory::{Directory, sync_parent};
use crate::error::OpenError;

/// The one format that this program writes and reads.
const FORMAT: u32 = 1;
const FILE: &str = "format";
const WORDS: &str = "causeway storage format ";

/// Checks the format of the store, and writes it into a new one.
pub(crate) fn check_or_create(directory: &Directory) -> Result<(), OpenError> {
    match fs::read_to_string(directory.file(FILE)) {
        Ok(text) => check(directory, &text),
        Err(error) if error.kind() == io::ErrorKind::NotFound && !directory.has_data() => {
            create(directory).map_err(|error| directory.refuse_io(error))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(damaged(directory, "is missing")),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(damaged(directory, "is not text")),
        Err(error) => Err(directory.refuse_io(error)),
    }
}

fn check(directory: &Directory, text: &str) -> Result<(), OpenError> {
    let found = text.strip_prefix(WORDS).and_then(|number| number.trim_end().parse::<u32>().ok());
    match found {
        Some(FORMAT) => Ok(()),
        Some(found) if found > FORMAT => {
            Err(OpenError::NewerFormat { dir: directory.path().to_owned(), found, supported: FORMAT })
        }
        _ => Err(damaged(directory, "says something else than a format")),
    }
}

/// Under another name first, so that a crash leaves no half of it.
fn create(directory: &Directory) -> io::Result<()> {
    let (path, unfinished) = (directory.file(FILE), directory.file("format.new"));
    let mut file = File::create(&unfinished)?;
    writeln!(file, "{WORDS}{FORMAT}")?;
    file.sync_all()?;
    fs::rename(&unfinished, &path)?;
    sync_parent(&path)
}

fn damaged(directory: &Directory, what: &str) -> OpenError {
    let what = format!("the file `{FILE}` {what}");
    OpenError::Damaged { dir: directory.path().to_owned(), position: None, what }
}
