//! `causeway identity`: moving an identity to another machine.

use std::{
    fs::OpenOptions,
    io::{Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use anyhow::Context as _;
use identity::{keyfile, transfer};

use crate::{
    args::{Identity, IdentityCommand, IdentityFile},
    data, output,
};

const PASSPHRASE_VARIABLE: &str = "CAUSEWAY_PASSPHRASE";
/// An export is a few hundred bytes.
const MAX_FILE_BYTES: u64 = 64 * 1024;

pub(super) fn run(args: &Identity) -> anyhow::Result<()> {
    match &args.command {
        IdentityCommand::Export(file) => export(file),
        IdentityCommand::Import(file) => import(file),
    }
}

fn export(args: &IdentityFile) -> anyhow::Result<()> {
    let data = data::of_files(args.data.data.as_deref())?;
    let key = keyfile::load(&data)?;
    let sealed = transfer::export(&key, &passphrase("Passphrase to seal it with: ", true)?)?;
    if args.file == Path::new("-") {
        return Ok(output::line(sealed.trim_end())?);
    }
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&args.file)
        .and_then(|mut file| file.write_all(sealed.as_bytes()).and_then(|()| file.sync_all()))
        .with_context(|| {
            format!("cannot write {}; an existing file is never overwritten", args.file.display())
        })?;
    eprintln!("The identity {} is in {}, sealed by your passphrase.", key.node_id(), args.file.display());
    eprintln!("Use it on one machine at a time: two nodes with one identity get in each other's way.");
    Ok(())
}

fn import(args: &IdentityFile) -> anyhow::Result<()> {
    let data = data::of_files(args.data.data.as_deref())?;
    let sealed = read(&args.file)?;
    let key = transfer::import(&sealed, &passphrase("Passphrase: ", false)?)?;
    keyfile::store(&data, &key)?;
    eprintln!("The identity is in {} now.", data.display());
    Ok(output::line(&key.node_id().to_string())?)
}

fn read(path: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    let read = if path == Path::new("-") {
        std::io::stdin().take(MAX_FILE_BYTES).read_to_string(&mut text)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(MAX_FILE_BYTES).read_to_string(&mut text))
    };
    read.with_context(|| format!("cannot read {}", path.display()))?;
    Ok(text)
}

fn passphrase(prompt: &str, twice: bool) -> anyhow::Result<String> {
    if let Ok(passphrase) = std::env::var(PASSPHRASE_VARIABLE) {
        return Ok(passphrase);
    }
    let no_terminal =
        || format!("cannot ask for the passphrase; set {PASSPHRASE_VARIABLE} where there is no terminal");
    let passphrase = rpassword::prompt_password(prompt).with_context(no_terminal)?;
    if twice && rpassword::prompt_password("Once more: ").with_context(no_terminal)? != passphrase {
        anyhow::bail!("the two passphrases differ; nothing was written");
    }
    Ok(passphrase)
}
