//! `causeway id` and `causeway identity`: an identity is made once and never overwritten.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use super::{FAILED, OK, assert_answer};
use crate::support::{Answer, program};

fn run(folder: &Path, arguments: &[&str], data: &Path) -> Answer {
    let mut command = program(folder);
    Answer::of(command.args(arguments).arg("--data").arg(data).env("CAUSEWAY_PASSPHRASE", "correct horse"))
}

/// The file in a data directory that holds the node key.
fn key_file(data: &Path) -> PathBuf {
    fn files(folder: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
    }
    let named = |path: &PathBuf| path.file_name().is_some_and(|name| name == "node.key");
    let all = files(data);
    all.iter().find(|path| named(path)).cloned().unwrap_or_else(|| panic!("no node.key among {all:?}"))
}

#[test]
fn an_id_is_made_once_in_private_files() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let first = run(folder.path(), &["id"], &data);
    assert_answer(&first, OK, &[]);
    let id = first.out.trim();
    assert_eq!(id.len(), 52, "{id}");
    assert!(id.bytes().all(|c| c.is_ascii_lowercase() || (b'2'..=b'7').contains(&c)), "{id}");
    assert_eq!(run(folder.path(), &["id"], &data).out, first.out);
    let key = key_file(&data);
    assert_eq!(fs::metadata(&key).unwrap().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(key.parent().unwrap()).unwrap().mode() & 0o777, 0o700);
}

#[test]
fn a_damaged_or_readable_key_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    run(folder.path(), &["id"], &data);
    let key = key_file(&data);
    let good = fs::read(&key).unwrap();

    fs::set_permissions(&key, Permissions::from_mode(0o644)).unwrap();
    assert_answer(&run(folder.path(), &["id"], &data), FAILED, &["node.key", "chmod"]);
    assert_eq!(fs::read(&key).unwrap(), good);

    fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    for damage in [&b""[..], b"-----BEGIN", &good[..good.len() / 2], &[0xff; 100]] {
        fs::write(&key, damage).unwrap();
        assert_answer(&run(folder.path(), &["id"], &data), FAILED, &["node.key"]);
        let peer = run(folder.path(), &["peer", "--name", "p", "--network", "n", "--interface", "lo"], &data);
        assert_answer(&peer, FAILED, &["node.key"]);
        assert_eq!(fs::read(&key).unwrap(), damage, "it was overwritten");
    }
}

#[test]
fn an_identity_moves_to_another_machine_under_its_passphrase_only() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (folder.path().join("old"), folder.path().join("new"));
    let id = run(folder.path(), &["id"], &old).out;
    let file = folder.path().join("anna.identity");
    let file_name = file.to_str().unwrap();

    assert_answer(&run(folder.path(), &["identity", "export", file_name], &old), OK, &[]);
    assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
    let again = run(folder.path(), &["identity", "export", file_name], &old);
    assert_answer(&again, FAILED, &["never overwritten"]);

    let mut wrong = program(folder.path());
    wrong.args(["identity", "import", file_name, "--data"]).arg(&new).env("CAUSEWAY_PASSPHRASE", "wrong");
    assert_answer(&Answer::of(&mut wrong), FAILED, &["passphrase"]);
    assert!(!new.join("identity").exists(), "a refused import left something behind");

    assert_answer(&run(folder.path(), &["identity", "import", file_name], &new), OK, &[id.trim()]);
    assert_eq!(run(folder.path(), &["id"], &new).out, id);

    let other = folder.path().join("other");
    let other_id = run(folder.path(), &["id"], &other).out;
    assert_answer(&run(folder.path(), &["identity", "import", file_name], &other), FAILED, &["exist"]);
    assert_eq!(run(folder.path(), &["id"], &other).out, other_id);

    fs::write(&file, "nonsense").unwrap();
    let nowhere = folder.path().join("nowhere");
    assert_answer(&run(folder.path(), &["identity", "import", file_name], &nowhere), FAILED, &[]);
    assert_answer(
        &run(folder.path(), &["identity", "import", "/no/such/file"], &nowhere),
        FAILED,
        &["/no/such/file"],
    );
    assert_answer(&run(folder.path(), &["identity", "export", "-"], &nowhere), FAILED, &["causeway id"]);
}
