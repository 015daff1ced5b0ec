//! `causeway topology stats`.

use std::time::Duration;

use gateway::past::json as past_json;
use proto::topology::v1::{Count, StatsRequest, StatsResponse};
use serde_json::{Value, json};

use super::call;
use crate::{args::StatsArgs, output, past};

/// The longest bar of the hours.
const BAR: u64 = 40;

pub(super) async fn run(args: StatsArgs) -> anyhow::Result<()> {
    let request = StatsRequest {
        since: args.since.map_or(0, |since| since.begin()),
        until: args.until.map_or(0, |until| until.end()),
    };
    let stats = past::open(&args.ask.source).await?.stats(request).await?.into_inner();
    if args.ask.json { as_json(&stats) } else { as_text(&stats) }
}

fn as_json(stats: &StatsResponse) -> anyhow::Result<()> {
    let counts = |counts: &[Count]| -> Value {
        let row = |it: &Count| json!({ "key": it.key, "name": it.name, "count": it.count });
        counts.iter().map(row).collect()
    };
    Ok(output::object(&json!({
        "events": stats.events,
        "by_kind": counts(&stats.by_kind),
        "by_bridge": counts(&stats.by_bridge),
        "by_hour": counts(&stats.by_hour),
        "flapping": counts(&stats.flapping),
        "outages": past_json::outages(stats),
    }))?)
}

fn as_text(stats: &StatsResponse) -> anyhow::Result<()> {
    output::line(&output::count(u32::try_from(stats.events).unwrap_or(u32::MAX), "event", "events"))?;
    for (title, counts) in [("by kind", &stats.by_kind), ("by bridge", &stats.by_bridge)] {
        output::line(&format!("\n{title}:"))?;
        for count in counts {
            let name = if count.name.is_empty() { &count.key } else { &count.name };
            output::line(&format!("  {:>8}  {}", count.count, output::harmless(name)))?;
        }
    }
    let most = stats.by_hour.iter().map(|hour| hour.count).max().unwrap_or(1).max(1);
    output::line("\nby hour:")?;
    for hour in &stats.by_hour {
        let bar = "#".repeat(usize::try_from((hour.count * BAR).div_ceil(most)).unwrap_or_default());
        output::line(&format!("  {:>8}  {}  {bar}", hour.count, output::clock(&hour.key)))?;
    }
    if !stats.flapping.is_empty() {
        output::line("\ncame up most often:")?;
        for count in &stats.flapping {
            output::line(&format!("  {:>8}  {}", count.count, output::harmless(&count.name)))?;
        }
    }
    if stats.outages.is_empty() {
        return Ok(output::line("\nno link that was up went down")?);
    }
    output::line("\nlongest outages of links:")?;
    for outage in &stats.outages {
        let (one, other) = (call(&outage.one_name, &outage.one), call(&outage.other_name, &outage.other));
        let long = humantime::format_duration(Duration::from_millis(outage.milliseconds));
        let from = output::clock_millis(&outage.from_text);
        let end = if outage.to == 0 { ", and is down still" } else { "" };
        output::line(&format!("  {one} - {other}: {long}, from {from}{end}"))?;
    }
    Ok(())
}
