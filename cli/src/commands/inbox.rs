//! `causeway inbox`.

use std::collections::HashMap;

use bytes::Bytes;
use proto::control::v1::{DeliveryState, Direction, InboxItem, InboxRequest, MarkReadRequest};
use serde_json::{Value, json};

use crate::{args::Inbox, client::Client, data::Kind, output};

pub(super) async fn run(args: Inbox) -> anyhow::Result<()> {
    let client = Client::connect(args.read.data.data.as_deref(), Some(Kind::Peer)).await?;
    let request = InboxRequest {
        peer: args.from.unwrap_or_default(),
        follow: args.follow,
        last: args.last.unwrap_or(0),
    };
    let mut items = client.messenger().inbox(request).await?.into_inner();
    let mut shown = HashMap::new();
    let mut seen = HashMap::new();
    while let Some(item) = items.message().await? {
        if args.read.json {
            output::object(&as_json(&item))?;
        } else if shown.insert(item.id.clone(), item.state).is_some() {
            output::line(&state_line(&item))?;
        } else {
            output::line(&text_line(&item))?;
        }
        if args.read_receipts && item.direction() == Direction::In {
            if args.follow {
                mark_read(&client, (&item.from, &item.epoch), item.sequence).await?;
            } else {
                seen.insert((item.from, item.epoch), item.sequence);
            }
        }
    }
    for ((from, epoch), through) in &seen {
        mark_read(&client, (from, epoch), *through).await?;
    }
    Ok(())
}

/// Only what was shown: a message that arrived meanwhile is not read.
async fn mark_read(client: &Client, (from, epoch): (&Bytes, &Bytes), through: u64) -> anyhow::Result<()> {
    let request = MarkReadRequest { peer: output::id(from), epoch: epoch.clone(), through };
    client.messenger().mark_read(request).await?;
    Ok(())
}

/// The message as one JSON object.
pub(super) fn as_json(item: &InboxItem) -> Value {
    json!({
        "id": item.id,
        "from": output::id(&item.from),
        "from_name": item.from_name,
        "to": output::id(&item.to),
        "to_name": item.to_name,
        "text": item.text,
        "sent_at": output::time(item.sent_at_ms),
        "state": state(item.state()),
        "direction": if item.direction() == Direction::In { "in" } else { "out" },
        "reason": item.reason,
        "state_at": output::time(item.state_at_ms),
        "via": output::via(item.state() != DeliveryState::Queued, &item.via),
    })
}

/// What has become of a message, for people.
pub(super) fn state_line(item: &InboxItem) -> String {
    let name = output::called(&item.to_name, &item.to);
    let at = output::clock(&output::time(item.state_at_ms));
    let because =
        if item.reason.is_empty() { String::new() } else { format!(": {}", output::harmless(&item.reason)) };
    match item.state() {
        DeliveryState::Queued => format!("stored for {name}, not there yet{because}"),
        DeliveryState::AtPeer => format!("at {name} since {at}"),
        DeliveryState::Read => format!("read by {name} at {at}"),
        DeliveryState::Refused => format!("refused by {name}{because}"),
        DeliveryState::Received | DeliveryState::Unspecified => format!("received at {at}"),
    }
}

pub(super) fn text_line(item: &InboxItem) -> String {
    let at = output::clock(&output::time(item.sent_at_ms));
    let text = match item.unknown_content {
        0 => output::harmless(&item.text).replace('\n', "\n    "),
        bytes => format!("[{bytes} bytes of a kind that this version does not know]"),
    };
    if item.direction() == Direction::In {
        format!("{at}  {} > you: {text}", output::called(&item.from_name, &item.from))
    } else {
        let state = state(item.state()).replace('_', " ");
        let why = if item.reason.is_empty() {
            String::new()
        } else {
            format!(": {}", output::harmless(&item.reason))
        };
        format!("{at}  you > {}: {text}  [{state}{why}]", output::called(&item.to_name, &item.to))
    }
}

const fn state(state: DeliveryState) -> &'static str {
    match state {
        DeliveryState::Queued => "queued",
        DeliveryState::AtPeer => "at_peer",
        DeliveryState::Read => "read",
        DeliveryState::Received => "received",
        DeliveryState::Refused => "refused",
        DeliveryState::Unspecified => "unknown",
    }
}
