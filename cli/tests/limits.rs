//! docs/limits.md lists every bound of the code, with its value.

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

/// The crates of which the program is made.
const CRATES: [&str; 10] = [
    "cli",
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

/// What a code's or a page's number comes to: a sum or product, in milliseconds or bytes where it has a unit.
fn amount(text: &str) -> Option<u128> {
    let units: [(&str, &str, u128); 10] = [
        ("Duration::from_secs(", ")", 1_000),
        ("Duration::from_millis(", ")", 1),
        ("", " days", 86_400_000),
        ("", " h", 3_600_000),
        ("", " min", 60_000),
        ("", " ms", 1),
        ("", " s", 1_000),
        ("", " GiB", 1 << 30),
        ("", " MiB", 1 << 20),
        ("", " KiB", 1 << 10),
    ];
    for (before, after, unit) in units {
        if let Some(number) = text.strip_prefix(before).and_then(|rest| rest.strip_suffix(after)) {
            return number_of(number).map(|number| number * unit);
        }
    }
    number_of(text)
}

fn number_of(text: &str) -> Option<u128> {
    if let Some((one, other)) = text.split_once(" - ") {
        return number_of(one)?.checked_sub(number_of(other)?);
    }
    if let Some((one, other)) = text.split_once(" << ") {
        return Some(number_of(one)? << number_of(other)?);
    }
    text.split(" * ").map(|factor| factor.replace(['_', ','], "").parse::<u128>().ok()).product()
}

/// The file that a row of the page is about: the one it names, else the one of its section.
fn file_of(row: &str, section: &str) -> PathBuf {
    let sources = Path::new(section.split('/').next().unwrap_or_default()).join("src");
    let named = row.split_once("` of `").and_then(|(_, rest)| rest.split_once('`'));
    root().join(named.map_or_else(|| section.into(), |(file, _)| sources.join(file)))
}

#[test]
fn the_docs_have_the_values_of_the_code() {
    let docs = fs::read_to_string(root().join("docs/limits.md")).unwrap();
    let (mut section, mut compared) = ("", 0);
    for line in docs.lines() {
        if let Some((file, _)) = line.strip_prefix('`').and_then(|rest| rest.split_once('`')) {
            section = file;
        }
        let cells: Vec<_> = line.split(" | ").collect();
        let (Some(row), Some(told)) = (cells[0].strip_prefix("| `"), cells.get(1).copied().and_then(amount))
        else {
            continue;
        };
        let name = row.split('`').next().unwrap_or_default();
        let Ok(code) = fs::read_to_string(file_of(row, section)) else { continue };
        let declared = code.lines().find_map(|line| line.split_once(&format!("const {name}: ")));
        let Some((_, value)) = declared.and_then(|(_, rest)| rest.split_once(" = ")) else { continue };
        if let Some(value) = amount(value.trim_end_matches(';')) {
            assert_eq!(told, value, "{line}\nis not what {} has", file_of(row, section).display());
            compared += 1;
        }
    }
    assert!(compared > 200, "only {compared} values were compared: did the page change its form?");
}
