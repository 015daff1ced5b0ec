//! `causeway links` and `causeway link`.

use proto::{
    bridge::v1::{Link, LinksRequest},
    control::v1::{AddLinkRequest, RemoveLinkRequest},
};
use serde_json::{Value, json};

use crate::{
    args::{LinkCommand, LinkTarget, ReadArgs},
    client::Client,
    data::Kind,
    exit::{Failure, Fault},
    output,
};

pub(super) async fn list(args: ReadArgs) -> anyhow::Result<()> {
    let client = Client::connect(args.data.data.as_deref(), Some(Kind::Bridge)).await?;
    let links = client.bridge().links(LinksRequest {}).await?.into_inner().links;
    if args.json {
        return links.iter().try_for_each(|link| Ok(output::object(&as_json(link))?));
    }
    if links.is_empty() {
        return Ok(output::line("no links; `causeway invite` and `causeway join` make one")?);
    }
    let mut table =
        output::table(&["ID", "NAME", "NETWORK", "ADDRESS", "STATE", "ROUND TRIP", "COST", "SINCE", "WHY"]);
    for link in &links {
        table.add_row(row(link));
    }
    Ok(output::line(&table.trim_fmt())?)
}

pub(super) async fn change(command: LinkCommand) -> anyhow::Result<()> {
    match command {
        LinkCommand::Add(target) => add(target).await,
        LinkCommand::Remove(target) => remove(target).await,
    }
}

async fn add(args: LinkTarget) -> anyhow::Result<()> {
    let client = Client::connect(args.data.data.as_deref(), Some(Kind::Bridge)).await?;
    client.bridge().add_link(AddLinkRequest { url: args.link.clone() }).await?;
    Ok(output::line(&format!("{} is kept from now on; `causeway links` shows its state", args.link))?)
}

async fn remove(args: LinkTarget) -> anyhow::Result<()> {
    let client = Client::connect(args.data.data.as_deref(), Some(Kind::Bridge)).await?;
    let request = RemoveLinkRequest { link: args.link.clone() };
    match client.bridge().remove_link(request).await?.into_inner().removed {
        0 => Err(Fault::error(
            Failure::NotFound,
            format!("there is no link {}; `causeway links` lists them", args.link),
        )),
        _ => Ok(output::line(&format!("{} is kept no longer", args.link))?),
    }
}

fn row(link: &Link) -> [String; 9] {
    [
        output::short(&link.node_id),
        output::harmless(&link.name),
        output::harmless(&output::network(link.network.as_ref())),
        link.address.clone(),
        link.state.clone(),
        output::milliseconds(link.round_trip_us),
        link.cost_us.to_string(),
        output::clock(&link.since),
        output::harmless(&link.reason),
    ]
}

fn as_json(link: &Link) -> Value {
    json!({
        "id": output::id(&link.node_id),
        "name": link.name,
        "network": output::network(link.network.as_ref()),
        "address": link.address,
        "state": link.state,
        "round_trip_us": link.round_trip_us,
        "cost": link.cost_us,
        "since": link.since,
        "reason": link.reason,
        "skew_ms": link.skew_ms,
        "bytes_in": link.bytes_in,
        "bytes_out": link.bytes_out,
    })
}
