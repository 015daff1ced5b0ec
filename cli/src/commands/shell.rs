//! `causeway completions` and `causeway man`: made from the same description of the command line that parses it.

use std::io::{self, Write as _};

use anyhow::Context as _;
use clap::CommandFactory as _;

use crate::{
    args::{Args, Completions, Man},
    output,
};

const PROGRAM: &str = "causeway";

pub(super) fn completions(args: &Completions) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), PROGRAM, &mut script);
    io::stdout().lock().write_all(&script)?;
    Ok(())
}

pub(super) fn man(args: &Man) -> anyhow::Result<()> {
    let directory = &args.directory;
    std::fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
    clap_mangen::generate_to(Args::command(), directory)
        .with_context(|| format!("cannot write the manual pages to {}", directory.display()))?;
    output::line(&format!("see them with: man -l {}/{PROGRAM}.1", directory.display()))?;
    Ok(())
}
