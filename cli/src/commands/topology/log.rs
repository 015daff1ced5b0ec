//! `causeway topology log`.

use std::{collections::BTreeMap, time::Duration};

use gateway::past::json;
use proto::topology::v1::{Event, Filter, Position, RangeRequest, WatchRequest};
use tonic::Code;

use super::event_line;
use crate::{
    args::LogArgs,
    output,
    past::{self, Past},
};

/// The last event seen of each log, by owner and epoch.
type Seen = BTreeMap<(Vec<u8>, Vec<u8>), u64>;

/// Between two tries to reach a bridge again whose log is followed.
const RETRY: Duration = Duration::from_millis(500);

pub(super) async fn run(args: LogArgs) -> anyhow::Result<()> {
    if args.follow {
        return follow(&args).await;
    }
    let mut past = past::open(&args.ask.source).await?;
    let request = RangeRequest { filter: Some(filter(&args)), last: args.last.unwrap_or_default(), first: 0 };
    let mut events = past.range(request).await?.into_inner();
    let mut any = false;
    while let Some(event) = events.message().await? {
        show(&event, args.ask.json)?;
        any = true;
    }
    if !any && !args.ask.json {
        output::line("no such events")?;
    }
    Ok(())
}

fn filter(args: &LogArgs) -> Filter {
    let kind = |name: &String| gateway::past::KINDS.iter().find(|(_, known)| known == name);
    Filter {
        since: args.since.map_or(0, |since| since.begin()),
        until: args.until.map_or(0, |until| until.end()),
        network: args.network.clone().unwrap_or_default(),
        node: args.node.clone().unwrap_or_default(),
        kinds: args.kinds.iter().filter_map(kind).map(|(kind, _)| i32::from(*kind)).collect(),
    }
}

/// Shows what comes in until the end, across restarts of the bridge: nothing is missed or shown twice.
async fn follow(args: &LogArgs) -> anyhow::Result<()> {
    let mut seen = Seen::new();
    let Some(mut past) = past::open_running(&args.ask.source).await? else {
        // Nothing more will come: what there is, and the end.
        let mut past = past::open(&args.ask.source).await?;
        let request = WatchRequest { filter: Some(filter(args)), ..WatchRequest::default() };
        return watch(&mut past, request, &mut seen, args.ask.json).await;
    };
    loop {
        let after = seen.iter().map(|((owner, epoch), sequence)| Position {
            owner: owner.clone().into(),
            epoch: epoch.clone().into(),
            sequence: *sequence,
        });
        let request = WatchRequest { filter: Some(filter(args)), after: after.collect(), only_new: false };
        match watch(&mut past, request, &mut seen, args.ask.json).await {
            Err(error) if !is_loss(&error) => return Err(error),
            Ok(()) | Err(_) => {}
        }
        eprintln!("causeway: the bridge is gone; its log goes on here once it is back");
        past = reopen(args).await;
    }
}

async fn watch(past: &mut Past, request: WatchRequest, seen: &mut Seen, json: bool) -> anyhow::Result<()> {
    let mut events = past.watch(request).await?.into_inner();
    while let Some(event) = events.message().await? {
        let Some(position) = &event.position else { continue };
        let sequence = seen.entry((position.owner.to_vec(), position.epoch.to_vec())).or_default();
        if *sequence < position.sequence {
            *sequence = position.sequence;
            show(&event, json)?;
        }
    }
    Ok(())
}

/// Whether the bridge went away, rather than refused.
fn is_loss(error: &anyhow::Error) -> bool {
    let status = error.chain().find_map(|cause| cause.downcast_ref::<tonic::Status>());
    status.is_some_and(|status| {
        matches!(status.code(), Code::Unavailable | Code::Unknown | Code::Aborted | Code::Cancelled)
    })
}

async fn reopen(args: &LogArgs) -> Past {
    loop {
        tokio::time::sleep(RETRY).await;
        // A stopped bridge's directory is not opened: that would keep the bridge from starting again.
        if let Ok(Some(past)) = past::open_running(&args.ask.source).await {
            return past;
        }
    }
}

fn show(event: &Event, json: bool) -> anyhow::Result<()> {
    if json {
        return Ok(output::object(&json::event(event))?);
    }
    Ok(output::line(&event_line(event))?)
}
