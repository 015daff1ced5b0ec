//! `causeway topology path`.

use gateway::past::json;
use proto::topology::v1::PathRequest;

use super::{call, event_line, route_text};
use crate::{args::PathArgs, output, past};

pub(super) async fn run(args: PathArgs) -> anyhow::Result<()> {
    let request = PathRequest { from: args.from, to: args.to, at: args.at_time.map_or(0, |at| at.end()) };
    let path = past::open(&args.ask.source).await?.path(request).await?.into_inner();
    if args.ask.json {
        return Ok(output::object(&json::path(&path))?);
    }
    let (from, to) = (call(&path.from_name, &path.from), call(&path.to_name, &path.to));
    output::line(&format!("{from} to {to}: {}", route_text(path.route.as_ref())))?;
    let Some(event) = &path.changed_by else { return Ok(()) };
    output::line(&format!("\nso since\n  {}", event_line(event)))?;
    match &path.before {
        Some(before) if !before.bridges.is_empty() => {
            Ok(output::line(&format!("before that: {}", route_text(Some(before))))?)
        }
        _ => Ok(output::line("before that there was no way")?),
    }
}
