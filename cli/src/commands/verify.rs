//! `causeway verify`.

use anyhow::Context as _;
use proto::control::v1::{SafetyNumberRequest, SetVerifiedRequest};
use qrcode::{QrCode, render::unicode::Dense1x2};
use serde_json::json;

use crate::{args::Verify, client::Client, data::Kind, output};

/// Groups of digits in a line: three lines are easily read out.
const GROUPS_PER_LINE: usize = 4;

pub(super) async fn run(args: Verify) -> anyhow::Result<()> {
    let client = Client::connect(args.read.data.data.as_deref(), Some(Kind::Peer)).await?;
    if args.mark || args.unmark {
        return mark(&client, args).await;
    }
    let request = SafetyNumberRequest { peer: args.peer };
    let number = client.messenger().safety_number(request).await?.into_inner();
    if args.read.json {
        output::object(&json!({
            "id": output::id(&number.node_id),
            "name": number.name,
            "safety_number": number.digits,
        }))?;
        return Ok(());
    }
    let name = output::harmless(&number.name);
    output::line(&format!("The safety number of you and {name} ({}):\n", output::id(&number.node_id)))?;
    let groups: Vec<_> = number.digits.split(' ').collect();
    for line in groups.chunks(GROUPS_PER_LINE) {
        output::line(&format!("    {}", line.join("  ")))?;
    }
    let code = QrCode::new(&number.code).context("the node's answer makes no QR code")?;
    output::line(&format!("\n{}\n", code.render::<Dense1x2>().build()))?;
    output::line(&format!(
        "Ask {name} to run `causeway verify` with your name, and compare: by voice, or side by side. The same digits \
         mean that nobody is in between: note that with `--mark`. Others mean that the name {name} leads to somebody \
         else's key."
    ))?;
    Ok(())
}

async fn mark(client: &Client, args: Verify) -> anyhow::Result<()> {
    let request = SetVerifiedRequest { peer: args.peer, verified: args.mark };
    let decided = client.messenger().set_verified(request).await?.into_inner();
    let id = output::id(&decided.node_id);
    if args.read.json {
        output::object(&json!({ "id": id, "verified": args.mark }))?;
    } else if args.mark {
        output::line(&format!("{id} is marked as verified: this key is the one you compared"))?;
    } else {
        output::line(&format!("{id} is not marked as verified any more"))?;
    }
    Ok(())
}
