//! `causeway topology path`.

use proto::topology::v1::PathRequest;
use serde_json::json;

use super::{call, event_json, event_line, route_json, route_text};
use crate::{args::PathArgs, output, past};

pub(super) async fn run(args: PathArgs) -> anyhow::Result<()> {
    let request = PathRequest { from: args.from, to: args.to, at: args.at_time.map_or(0, |at| at.end()) };
    let path = past::open(&args.ask.source).await?.path(request).await?.into_inner();
    if args.ask.json {
        output::object(&json!({
            "from": output::id(&path.from),
            "from_name": path.from_name,
            "to": output::id(&path.to),
            "to_name": path.to_name,
            "route": route_json(path.route.as_ref()),
            "changed_by": path.changed_by.as_ref().map(event_json),
            "before": route_json(path.before.as_ref()),
        }))?;
        return Ok(());
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
