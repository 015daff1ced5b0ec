//! A conversation into a file, one JSON object per line, as `causeway inbox --json` prints it.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Write as _},
    path::Path,
};

use bytes::Bytes;
use proto::control::v1::InboxRequest;

use super::{
    calls::of_status,
    event::{Failure, Outcome},
    remote::Messenger,
};
use crate::{commands::inbox, output};

/// Writes it, all or nothing, never over a file that is there.
pub(super) async fn export(mut messenger: Messenger, peer: &Bytes, path: &Path) -> Outcome<String> {
    let request = InboxRequest { peer: output::id(peer), ..InboxRequest::default() };
    let items = messenger.inbox(request).await.map_err(of_status)?.into_inner();
    let file =
        OpenOptions::new().write(true).create_new(true).open(path).map_err(|error| cannot(path, &error))?;
    let count = write(items, file, path).await.inspect_err(|_| {
        // Half a file would look like a whole one to whoever finds it.
        let _ = fs::remove_file(path);
    })?;
    Ok(format!("{} in {}", output::count(count, "message", "messages"), path.display()))
}

async fn write(
    mut items: tonic::Streaming<proto::control::v1::InboxItem>,
    file: File,
    path: &Path,
) -> Outcome<u32> {
    let (mut out, mut count) = (BufWriter::new(file), 0);
    while let Some(item) = items.message().await.map_err(of_status)? {
        writeln!(out, "{}", inbox::as_json(&item)).map_err(|error| cannot(path, &error))?;
        count += 1;
    }
    let whole = out.into_inner().map_err(io::IntoInnerError::into_error).and_then(|file| file.sync_all());
    whole.map_err(|error| cannot(path, &error))?;
    Ok(count)
}

fn cannot(path: &Path, error: &io::Error) -> Failure {
    Failure { lost: false, sentence: format!("cannot write {}: {error}", path.display()) }
}
