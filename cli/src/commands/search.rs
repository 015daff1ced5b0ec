//! `causeway search`.

use proto::control::v1::SearchRequest;

use super::inbox;
use crate::{args::Search, client::Client, data::Kind, output};

/// Messages asked for at once.
const STEP: u32 = 200;

pub(super) async fn run(args: Search) -> anyhow::Result<()> {
    let client = Client::connect(args.read.data.data.as_deref(), Some(Kind::Peer)).await?;
    let text = args.words.join(" ");
    let mut found = Vec::new();
    let mut before = 0;
    while (found.len() as u64) < u64::from(args.last) {
        let left = u32::try_from(found.len()).map_or(0, |count| args.last - count);
        let request = SearchRequest {
            text: text.clone(),
            peer: args.with.clone().unwrap_or_default(),
            before,
            limit: left.min(STEP),
        };
        let part = client.messenger().search(request).await?.into_inner();
        found.extend(part.messages);
        before = part.next;
        if before == 0 {
            break;
        }
    }
    for item in found.iter().rev() {
        if args.read.json {
            output::object(&inbox::as_json(item))?;
        } else {
            output::line(&inbox::text_line(item))?;
        }
    }
    if found.is_empty() && !args.read.json {
        eprintln!("nothing was said with all of these words");
    } else if before > 0 {
        eprintln!("there are older ones: ask for more with --last");
    }
    Ok(())
}
