//! One store per directory at a time.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;

use storage::{OpenError, Options, Store};

use crate::support::{child, is_child, open};

#[test]
fn the_child_that_holds_the_store() {
    let Some(dir) = is_child() else { return };
    let _store = open(&dir);
    writeln!(std::io::stdout(), "\nholding").unwrap();
    std::io::stdin().read_line(&mut String::new()).unwrap();
}

#[test]
fn a_store_that_is_open_twice_names_its_holder() {
    let dir = tempfile::tempdir().unwrap();
    let _store = open(dir.path());
    let holder = refused(dir.path());
    assert!(holder.contains(&format!("process {}", std::process::id())), "{holder}");
}

#[test]
fn a_store_that_another_process_has_open_names_that_one_until_it_dies() {
    let dir = tempfile::tempdir().unwrap();
    let mut child = child("in_use::the_child_that_holds_the_store", dir.path()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("holding")));
    let holder = refused(dir.path());
    let program = std::env::current_exe().unwrap();
    let program = program.file_name().unwrap().to_str().unwrap();
    assert_eq!(holder, format!("{program} (process {})", child.id()));
    child.kill().unwrap();
    child.wait().unwrap();
    open(dir.path()).log("taken over").unwrap();
}

fn refused(dir: &Path) -> String {
    match Store::open(dir, Options::default()) {
        Err(OpenError::InUse { holder, dir: named }) if named == dir => holder,
        other => panic!("{other:?}"),
    }
}
