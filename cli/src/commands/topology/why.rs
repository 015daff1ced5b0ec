//! `causeway topology why`.

use gateway::past::json;
use proto::topology::v1::{WhyRequest, WhyResponse};

use super::{call, event_line, route_text};
use crate::{args::WhyArgs, output, past};

pub(super) async fn run(args: WhyArgs) -> anyhow::Result<()> {
    let request = WhyRequest {
        peer: args.peer,
        at: args.at_time.map_or(0, |at| at.end()),
        from: args.from.unwrap_or_default(),
        known_by: args.known_by.unwrap_or_default(),
    };
    let why = past::open(&args.ask.source).await?.why(request).await?.into_inner();
    if args.ask.json { Ok(output::object(&json::why(&why))?) } else { as_text(&why) }
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
