//! `causeway export`: what was said, as JSON lines.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
};

use anyhow::Context as _;
use proto::control::v1::InboxRequest;

use super::inbox;
use crate::{args::Export, client::Client, data::Kind};

pub(super) async fn run(args: Export) -> anyhow::Result<()> {
    let client = Client::connect(args.data.data.as_deref(), Some(Kind::Peer)).await?;
    let request = InboxRequest { peer: args.with.unwrap_or_default(), ..InboxRequest::default() };
    if args.file == Path::new("-") {
        write(&client, request, &mut io::stdout().lock()).await?;
        return Ok(());
    }
    let file =
        File::create_new(&args.file).with_context(|| format!("cannot make {}", args.file.display()))?;
    let mut file = BufWriter::new(file);
    let unfinished = Unfinished(&args.file);
    let messages = tokio::select! {
        messages = write(&client, request, &mut file) => messages?,
        _ = tokio::signal::ctrl_c() => anyhow::bail!("interrupted; no file was written"),
    };
    file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    std::mem::forget(unfinished);
    eprintln!("{messages} messages in {}", args.file.display());
    Ok(())
}

async fn write(client: &Client, request: InboxRequest, out: &mut impl Write) -> anyhow::Result<u64> {
    let mut items = client.messenger().inbox(request).await?.into_inner();
    let mut messages = 0;
    while let Some(item) = items.message().await? {
        writeln!(out, "{}", inbox::as_json(&item))?;
        messages += 1;
    }
    out.flush()?;
    Ok(messages)
}

/// Removes a file that holds a part, which nobody must take for the whole.
struct Unfinished<'a>(&'a Path);

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(self.0);
    }
}
