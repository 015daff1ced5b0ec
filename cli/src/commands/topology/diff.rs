//! `causeway topology diff`.

use gateway::past::json;
use proto::topology::v1::{Change, DiffRequest};

use crate::{
    args::DiffArgs,
    exit::{Failure, Fault},
    output, past,
};

pub(super) async fn run(args: DiffArgs) -> anyhow::Result<()> {
    if args.later.is_some_and(|later| later < args.earlier) {
        return Err(Fault::error(Failure::Usage, "the second time lies before the first one"));
    }
    let request = DiffRequest { from: args.earlier.end(), to: args.later.map_or(0, |later| later.end()) };
    let diff = past::open(&args.ask.source).await?.diff(request).await?.into_inner();
    if args.ask.json {
        return diff.changes.iter().try_for_each(|change| Ok(output::object(&json::change(change))?));
    }
    let (from, to) = (output::clock_millis(&diff.from_text), output::clock_millis(&diff.to_text));
    if diff.changes.is_empty() {
        return Ok(output::line(&format!("nothing differs between {from} and {to}"))?);
    }
    output::line(&format!("from {from} to {to}:"))?;
    diff.changes.iter().try_for_each(|change| Ok(output::line(&change_line(change))?))
}

/// A change as a line for people.
pub(super) fn change_line(change: &Change) -> String {
    format!("  {:<16} {}", change.kind_name, output::harmless(&change.text))
}
