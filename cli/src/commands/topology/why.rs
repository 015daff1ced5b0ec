//! `causeway topology why`.

use proto::topology::v1::{RouteFrom, Sighting, WhyRequest, WhyResponse};
use serde_json::json;

use super::{call, event_json, event_line, route_json, route_text};
use crate::{args::WhyArgs, output, past};

pub(super) async fn run(args: WhyArgs) -> anyhow::Result<()> {
    let request = WhyRequest {
        peer: args.peer,
        at: args.at_time.map_or(0, |at| at.end()),
        from: args.from.unwrap_or_default(),
        known_by: args.known_by.unwrap_or_default(),
    };
    let why = past::open(&args.ask.source).await?.why(request).await?.into_inner();
    if args.ask.json { as_json(&why) } else { as_text(&why) }
}

fn as_json(why: &WhyResponse) -> anyhow::Result<()> {
    let peer = why.peer.clone().unwrap_or_default();
    let sighting = |sighting: &Sighting| {
        json!({
            "event": sighting.event.as_ref().map(event_json),
            "counts": sighting.counts,
            "reason": sighting.reason,
            "arrival": sighting.arrival,
        })
    };
    let route = |from: &RouteFrom| {
        json!({
            "bridge": output::id(&from.bridge),
            "bridge_name": from.bridge_name,
            "route": route_json(from.route.as_ref()),
        })
    };
    Ok(output::object(&json!({
        "id": output::id(&peer.node_id),
        "name": peer.name,
        "sightings": why.sightings.iter().map(sighting).collect::<Vec<_>>(),
        "routes": why.routes.iter().map(route).collect::<Vec<_>>(),
        "history": why.history.iter().map(event_json).collect::<Vec<_>>(),
    }))?)
}

fn as_text(why: &WhyResponse) -> anyhow::Result<()> {
    let peer = why.peer.clone().unwrap_or_default();
    let name = call(&peer.name, &peer.node_id);
    output::line(&format!("{name}  {}", output::id(&peer.node_id)))?;
    if why.sightings.is_empty() {
        output::line("\nno bridge names it then")?;
    } else {
        output::line("\nwho says it is there:")?;
        for sighting in &why.sightings {
            if let Some(event) = &sighting.event {
                output::line(&format!("  {}", event_line(event)))?;
            }
            for more in [&sighting.arrival, &sighting.reason].into_iter().filter(|more| !more.is_empty()) {
                output::line(&format!("      {}", output::harmless(more)))?;
            }
        }
    }
    output::line("\nthe way to it:")?;
    for from in &why.routes {
        let bridge = call(&from.bridge_name, &from.bridge);
        output::line(&format!("  from {bridge}: {}", route_text(from.route.as_ref())))?;
    }
    output::line("\nits last events:")?;
    why.history.iter().try_for_each(|event| Ok(output::line(&format!("  {}", event_line(event)))?))
}
