//! The program that is measured: the release build of this workspace.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, ensure};

/// Builds the release program, which costs nothing when it is up to date, and says where it is.
pub(crate) fn find() -> anyhow::Result<PathBuf> {
    let workspace =
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the crate lies in a workspace")?;
    // This program lies in the same target directory, `release` in it.
    let own = std::env::current_exe()?;
    let release = own.parent().context("a program lies in a folder")?;
    let target = release.parent().context("cargo puts its builds below the target directory")?;
    let status = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--release", "--quiet", "-p", "cli", "--bin", "causeway"])
        .arg("--target-dir")
        .arg(target)
        .current_dir(workspace)
        .status()
        .context("cannot run cargo")?;
    ensure!(status.success(), "the release build of the program failed");
    let program = release.join("causeway");
    ensure!(
        program.is_file(),
        "run this benchmark with `cargo run --release -p bench`: {} is missing",
        program.display()
    );
    Ok(program)
}
