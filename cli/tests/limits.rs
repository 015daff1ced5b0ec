//! docs/limits.md lists every bound of the code.

use std::{fs, path::Path};

const MODULES: [&str; 7] = [
    "conversation/src/limits.rs",
    "discovery/src/limits.rs",
    "gateway/src/limits.rs",
    "gateway/src/link/limits.rs",
    "gateway/src/proxy/limits.rs",
    "peer/src/limits.rs",
    "topology/src/limits.rs",
];

#[test]
fn every_limit_is_in_the_docs() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
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
