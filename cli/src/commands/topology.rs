//! `causeway topology`: what happened, and how it was.

mod diff;
mod export;
mod graph;
mod log;
mod path;
mod replay;
mod show;
mod simulate;
mod stats;
mod verify;
mod why;

use proto::topology::v1::{Event, Route};

use crate::{args::TopologyCommand, output};

pub(super) async fn run(command: TopologyCommand) -> anyhow::Result<()> {
    match command {
        TopologyCommand::Log(args) => log::run(args).await,
        TopologyCommand::Show(args) => show::run(args).await,
        TopologyCommand::Diff(args) => diff::run(args).await,
        TopologyCommand::Why(args) => why::run(args).await,
        TopologyCommand::Path(args) => path::run(args).await,
        TopologyCommand::Graph(args) => graph::run(args).await,
        TopologyCommand::Replay(args) => replay::run(args).await,
        TopologyCommand::Stats(args) => stats::run(args).await,
        TopologyCommand::Verify(args) => verify::run(args).await,
        TopologyCommand::Export(args) => export::export(args).await,
        TopologyCommand::Simulate(args) => simulate::run(args).await,
        TopologyCommand::Import(args) => export::import(args).await,
    }
}

/// An event as a line for people.
fn event_line(event: &Event) -> String {
    let time = output::clock_millis(&event.time_text);
    format!("{time}  {:<15} {}", event.kind_name, output::harmless(&event.text))
}

/// A way for people.
fn route_text(route: Option<&Route>) -> String {
    match route {
        None => String::new(),
        Some(route) if route.bridges.is_empty() => format!("no way: {}", output::harmless(&route.reason)),
        Some(route) if route.bridges.len() == 1 => {
            format!("in the network of {}", output::harmless(&route.names.join("")))
        }
        Some(route) => format!("{}, cost {} us", output::harmless(&route.names.join(" > ")), route.cost_us),
    }
}

/// The name, or the beginning of the id.
fn call(name: &str, id: &bytes::Bytes) -> String {
    if name.is_empty() { output::short(id) } else { output::harmless(name) }
}
