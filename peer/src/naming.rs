//! What the peer says of itself while it runs: its name, as it was told at the start or changed since, and whether it is
//! vacant.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use discovery::Announcer;
use identity::{Description, InvalidRecord, check_name};
use serde::{Deserialize, Serialize};
use tonic::Status;

use crate::record::{self, Saying};

const FILE: &str = "name";

/// A name that took the place of the one given at the start.
#[derive(Debug, Deserialize, Serialize)]
struct Changed {
    name: String,
    /// What the start said when it was changed: a start that says something else is the newer decision.
    instead_of: String,
}

/// Changes the name of a running peer.
#[derive(Debug)]
pub(crate) struct Naming {
    data: PathBuf,
    /// As the start said.
    told: String,
    announcer: Announcer,
    /// One change at a time.
    changing: Mutex<()>,
}

/// The name that counts when the start says `told`.
pub(crate) fn in_force(data: &Path, told: &str) -> String {
    let changed = fs::read(data.join(FILE)).ok();
    let changed = changed.and_then(|bytes| serde_json::from_slice::<Changed>(&bytes).ok());
    let changed = changed.filter(|it| it.instead_of == told && check_name(&it.name).is_ok());
    changed.map_or_else(|| told.to_owned(), |changed| changed.name)
}

impl Naming {
    pub(crate) fn new(data: &Path, told: &str, announcer: Announcer) -> Self {
        Self { data: data.to_owned(), told: told.to_owned(), announcer, changing: Mutex::new(()) }
    }

    /// Announces another name from now on, and at the next starts. Says whether it is another. Blocks on the disk.
    pub(crate) fn rename(&self, name: &str) -> Result<bool, Status> {
        let _turn = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        check_name(name).map_err(|error| Status::invalid_argument(error.to_string()))?;
        let before = self.announcer.description();
        if before.name() == name {
            return Ok(false);
        }
        self.keep(name).map_err(|error| {
            Status::resource_exhausted(format!("the name could not be stored, and stays as it was: {error}"))
        })?;
        let told = self.announce(&before, &Saying { name, ..Saying::of(&before) });
        told.map_err(|error| Status::internal(error.to_string()))?;
        tracing::info!(name, "the name was changed");
        Ok(true)
    }

    /// Announces whether it is nobody's from now on. Blocks on the disk.
    pub(crate) fn tell_vacancy(&self, vacant: bool) -> Result<(), InvalidRecord> {
        let _turn = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.announcer.description();
        let saying = Saying { vacant, ..Saying::of(&before) };
        if saying == Saying::of(&before) { Ok(()) } else { self.announce(&before, &saying) }
    }

    fn announce(&self, before: &Description, saying: &Saying<'_>) -> Result<(), InvalidRecord> {
        let after = record::changed(&self.data, self.announcer.identity(), before, saying)?;
        self.announcer.set_description(after)
    }

    fn keep(&self, name: &str) -> io::Result<()> {
        let path = self.data.join(FILE);
        if name == self.told {
            return match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            };
        }
        let changed = Changed { name: name.to_owned(), instead_of: self.told.clone() };
        runtime::replace_file(&path, &serde_json::to_vec(&changed)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_name_lasts_until_a_start_says_another() {
        let data = tempfile::tempdir().unwrap();
        assert_eq!(in_force(data.path(), "anna"), "anna");
        let changed = r#"{"name": "Annette", "instead_of": "anna"}"#;
        fs::write(data.path().join(FILE), changed).unwrap();
        assert_eq!(in_force(data.path(), "anna"), "Annette");
        assert_eq!(in_force(data.path(), "ann"), "ann");
        fs::write(data.path().join(FILE), "{").unwrap();
        assert_eq!(in_force(data.path(), "anna"), "anna");
    }
}
