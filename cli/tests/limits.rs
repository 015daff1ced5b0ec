//! docs/limits.md lists every bound of the code.

use std::{
    fs,
    path::{Path, PathBuf},
};

const MODULES: [&str; 8] = [
    "conversation/src/limits.rs",
    "discovery/src/limits.rs",
    "dispatcher/src/limits.rs",
    "gateway/src/limits.rs",
    "gateway/src/link/limits.rs",
    "gateway/src/proxy/limits.rs",
    "peer/src/limits.rs",
    "topology/src/limits.rs",
];

/// The crates of which a running node is made.
const CRATES: [&str; 9] = [
    "conversation",
    "discovery",
    "dispatcher",
    "gateway",
    "identity",
    "peer",
    "runtime",
    "storage",
    "topology",
];

/// What the names of bounds begin or end with.
const MARKS: [&str; 2] = ["MAX_", "MOST_"];
const ENDINGS: [&str; 7] =
    ["_LIMIT", "_WINDOW", "_GRACE", "_TIMEOUT", "_QUEUE", "WINDOW_BYTES", "BUFFER_BYTES"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the workspace")
}

/// All source files below a folder but those of tests.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(folder).expect("a folder of sources can be read").flatten().map(|entry| entry.path());
    let of = |path: PathBuf| if path.is_dir() { sources(&path) } else { vec![path] };
    entries.filter(|path| !path.ends_with("tests") && !path.ends_with("tests.rs")).flat_map(of).collect()
}

/// The names of a file's own constants.
fn constants(code: &str) -> impl Iterator<Item = &str> {
    let own = code.split("#[cfg(test)]").next().unwrap_or_default();
    own.lines().filter_map(|line| {
        let (visibility, rest) = line.split_once("const ")?;
        (visibility.is_empty() || visibility.starts_with("pub")).then(|| rest.split(':').next())?
    })
}

#[test]
fn every_limit_outside_of_those_modules_is_in_the_docs() {
    let docs = fs::read_to_string(root().join("docs/limits.md")).unwrap();
    let mut seen = 0;
    for file in CRATES.iter().flat_map(|name| sources(&root().join(name).join("src"))) {
        let code = fs::read_to_string(&file).unwrap();
        let bounds = constants(&code).filter(|name| {
            MARKS.iter().any(|mark| name.starts_with(mark))
                || ENDINGS.iter().any(|ending| name.ends_with(ending))
        });
        for name in bounds {
            let file = file.display();
            assert!(docs.contains(&format!("`{name}`")), "{name} of {file} is missing in docs/limits.md");
            seen += 1;
        }
    }
    assert!(seen > 100, "only {seen} limits were found: did the crates move?");
}

#[test]
fn every_limit_is_in_the_docs() {
    let root = root();
    let docs = fs::read_to_string(root.join("docs/limits.md")).unwrap();
    let mut seen = 0;
    for module in MODULES {
        let code = fs::read_to_string(root.join(module)).unwrap();
        for name in code.lines().filter_map(|line| line.strip_prefix("pub const ")?.split(':').next()) {
            assert!(docs.contains(&format!("`{name}`")), "{name} of {module} is missing in docs/limits.md");
            seen += 1;
        }
    }
    assert!(seen > 100, "only {seen} limits were found: did the modules move?");
}
