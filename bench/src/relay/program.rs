//! The program that is measured: the release build of this workspace.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, bail, ensure};

/// Builds the release program, which costs nothing when it is up to date, and says where it is.
pub(super) fn find() -> anyhow::Result<PathBuf> {
    let workspace =
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the crate lies in a workspace")?;
    let status = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--release", "--quiet", "-p", "cli", "--bin", "causeway"])
        .current_dir(workspace)
        .status()
        .context("cannot run cargo")?;
    ensure!(status.success(), "the release build of the program failed");
    // This program lies in the same target directory.
    let mut folder = std::env::current_exe()?;
    while folder.pop() {
        let program = folder.join("release/causeway");
        if program.is_file() {
            return Ok(program);
        }
    }
    bail!("cargo built the program, but it is not where this benchmark lies; run it with `cargo run`")
}
