//! Announces a node that does nothing, and prints what discovery tells, until Ctrl-C.
//!
//! `cargo run -p discovery --example watch -- NAME NETWORK [INTERFACE]...`

use std::{error::Error, time::Instant};

use discovery::{Announcer, Discovery, Event, Metrics, MulticastSettings, Presence, Settings};
use identity::{Description, Network, tls::Identity};
use proto::node::v1::{self, NodeKind, Ports};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().ok_or("the first argument is the node's name")?;
    let network = arguments.next().ok_or("the second argument is the network's name")?;
    let interfaces = arguments.collect();
    let identity = Identity::ephemeral()?;
    let description = v1::Description {
        kind: NodeKind::Peer.into(),
        name,
        certificate: identity.certificate().clone(),
        ..v1::Description::default()
    };
    let description = Description::sign(identity.key(), description)?;
    let (network, ports, homes) = (Network::named(network), Ports::default(), Vec::new());
    let announcer = Announcer::new(&identity, 1, Presence { network, ports, homes, description })?;
    let multicast = Some(MulticastSettings { interfaces, ..MulticastSettings::default() });
    let group = runtime::TaskGroup::new();
    let settings = Settings { multicast, ..Settings::default() };
    let began = Instant::now();
    let (discovery, mut events) = Discovery::spawn(&group, settings, announcer, Metrics::default());
    println!("{} is here", identity.id());
    loop {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => break,
            Some(event) = events.recv() => println!("{:>9.3?} {}", began.elapsed(), sentence(&event)),
        }
    }
    discovery.shutdown().await;
    Ok(())
}

fn sentence(event: &Event) -> String {
    let places = |node: &discovery::Neighbour| {
        let place = |known: &discovery::KnownAddress| {
            format!("{} on {}", known.ip, known.interface.as_deref().unwrap_or("?"))
        };
        node.addresses.iter().map(place).collect::<Vec<_>>().join(", ")
    };
    match event {
        Event::Appeared(node) => format!("{} appeared at {}", node.id().short(), places(node)),
        Event::Updated(node) => format!("{} is now at {}", node.id().short(), places(node)),
        other => format!("{other:?}"),
    }
}
