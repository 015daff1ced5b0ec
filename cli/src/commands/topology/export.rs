//! `causeway topology export` and `import`.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    path::Path,
};

use anyhow::Context as _;
use proto::topology::v1::ExportRequest;

use crate::{
    args::{ExportArgs, ImportArgs},
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
    let mut file = create(&args.output)?;
    let mut bytes = 0;
    let written = async {
        while let Some(piece) = pieces.message().await? {
            file.write_all(&piece.data).with_context(|| format!("cannot write {path}"))?;
            bytes += piece.data.len();
        }
        file.sync_all().with_context(|| format!("cannot write {path}"))
    };
    if let Err(error) = written.await {
        // Half a file would look like a whole one to whoever finds it.
        let _ = std::fs::remove_file(&args.output);
        return Err(error);
    }
    Ok(output::line(&format!(
        "{path}: {bytes} bytes; `causeway topology verify --file {path}` checks it, and every `causeway topology` command \
         takes --file"
    ))?)
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
