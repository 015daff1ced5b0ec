//! `causeway trust`.

use proto::control::v1::{AddTrustRequest, ListTrustRequest, RemoveTrustRequest, TrustEntry};
use serde_json::json;

use crate::{
    args::{ReadArgs, TrustCommand, TrustNode},
    client::Client,
    data::Kind,
    output,
};

pub(super) async fn run(command: TrustCommand) -> anyhow::Result<()> {
    match command {
        TrustCommand::Add(node) => add(node).await,
        TrustCommand::Remove(node) => remove(node).await,
        TrustCommand::List(read) => list(read).await,
    }
}

async fn add(args: TrustNode) -> anyhow::Result<()> {
    let client = Client::connect(args.data.data.as_deref(), Some(Kind::Bridge)).await?;
    let request = AddTrustRequest { node_id: args.id.to_bytes() };
    let added = client.bridge().add_trust(request).await?.into_inner().added;
    let done = if added { "trusted now" } else { "was trusted already" };
    Ok(output::line(&format!("{} {done}", args.id))?)
}

async fn remove(args: TrustNode) -> anyhow::Result<()> {
    let client = Client::connect(args.data.data.as_deref(), Some(Kind::Bridge)).await?;
    let request = RemoveTrustRequest { node_id: args.id.to_bytes() };
    let answer = client.bridge().remove_trust(request).await?.into_inner();
    let done = match (answer.removed, answer.links_closed) {
        (false, _) => "was not trusted".to_owned(),
        (true, 0) => "no longer trusted".to_owned(),
        (true, links) => format!("no longer trusted; links closed: {links}"),
    };
    Ok(output::line(&format!("{} {done}", args.id))?)
}

async fn list(args: ReadArgs) -> anyhow::Result<()> {
    let client = Client::connect(args.data.data.as_deref(), Some(Kind::Bridge)).await?;
    let entries = client.bridge().list_trust(ListTrustRequest {}).await?.into_inner().entries;
    if args.json {
        return entries.iter().try_for_each(|entry| Ok(output::object(&as_json(entry))?));
    }
    let mut table = output::table(&["ID", "NAME", "FROM", "SINCE", "LINKED"]);
    for entry in &entries {
        let linked = if entry.linked { "yes" } else { "no" };
        let name = output::harmless(&entry.name);
        table.add_row([
            &output::id(&entry.node_id),
            &name,
            &entry.source,
            &output::clock(&entry.since),
            linked,
        ]);
    }
    Ok(output::line(&table.trim_fmt())?)
}

fn as_json(entry: &TrustEntry) -> serde_json::Value {
    json!({
        "id": output::id(&entry.node_id),
        "name": entry.name,
        "source": entry.source,
        "since": entry.since,
        "linked": entry.linked,
    })
}
