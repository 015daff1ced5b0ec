//! `causeway topology export` and `import`.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    path::Path,
};

use anyhow::Context as _;
use proto::topology::v1::{ExportPiece, ExportRequest};
use tonic::Streaming;

use crate::{
    args::{ExportArgs, ImportArgs},
    commands::signals::Signals,
    output, past,
};

pub(super) async fn export(args: ExportArgs) -> anyhow::Result<()> {
    let mut past = past::open(&args.source).await?;
    let request = ExportRequest { journal: args.journal, addresses: args.addresses };
    let mut pieces = past.export(request).await?.into_inner();
    if args.output == Path::new("-") {
        let mut out = io::stdout().lock();
        while let Some(piece) = pieces.message().await? {
            out.write_all(&piece.data)?;
        }
        return Ok(out.flush()?);
    }
    let path = args.output.display();
    let file = create(&args.output)?;
    let bytes = write(pieces, file, &args.output).await.inspect_err(|_| {
        // Half a file would look like a whole one to whoever finds it.
        let _ = std::fs::remove_file(&args.output);
    })?;
    Ok(output::line(&format!(
        "{path}: {bytes} bytes; `causeway topology verify --file {path}` checks it, and every `causeway topology` command \
         takes --file"
    ))?)
}

/// Writes all pieces, unless somebody interrupts. Gives how many bytes they have.
async fn write(mut pieces: Streaming<ExportPiece>, mut file: File, path: &Path) -> anyhow::Result<usize> {
    let mut signals = Signals::listen()?;
    let (path, mut bytes) = (path.display(), 0);
    loop {
        let piece = tokio::select! {
            biased;
            () = signals.next() => anyhow::bail!("interrupted; {path} was not written"),
            piece = pieces.message() => piece?,
        };
        let Some(piece) = piece else { break };
        file.write_all(&piece.data).with_context(|| format!("cannot write {path}"))?;
        bytes += piece.data.len();
    }
    file.sync_all().with_context(|| format!("cannot write {path}"))?;
    Ok(bytes)
}

fn create(path: &Path) -> anyhow::Result<File> {
    let file = OpenOptions::new().write(true).create_new(true).open(path);
    file.with_context(|| format!("cannot make {}", path.display()))
}

pub(super) async fn import(args: ImportArgs) -> anyhow::Result<()> {
    let (data, file) = (args.data.clone(), args.file.clone());
    let imported = tokio::task::spawn_blocking(move || gateway::past::import(&data, &file));
    let (events, notes) = imported.await.context("interrupted")??;
    for note in notes {
        eprintln!("causeway: {note}");
    }
    let data = args.data.display();
    Ok(output::line(&format!("{events} new events; `causeway topology show --data {data}` looks at them"))?)
}
