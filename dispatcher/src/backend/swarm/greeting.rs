//! Getting to know a peer that was just started.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use discovery::{
    Announcer, Presence,
    greeting::{GreetError, greet},
};
use identity::{Description, InvalidRecord, Network, NodeId, tls::Identity};
use proto::node::v1::{self, NodeKind, Ports};
use tokio::time::{sleep, timeout};

use crate::ledger::now_s;

/// Where every peer is greeted. In a container nobody else takes the port.
const GREETING_PORT: u16 = 30_001;
/// Between two tries: a peer listens within some milliseconds.
const PAUSE: Duration = Duration::from_millis(20);
/// How long the first try may take; each next one twice as long. The first packets to a new container may get lost, and the
/// system would wait a second before it sends them again.
const FIRST_TRY: Duration = Duration::from_millis(250);

/// Greets in the dispatcher's name.
pub(super) struct Greeter(Result<Announcer, InvalidRecord>);

impl std::fmt::Debug for Greeter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Greeter(..)")
    }
}

impl Greeter {
    pub(super) fn new(own: &Identity, name: &str, network: &str) -> Self {
        Self(announcer(own, name, network))
    }

    /// Waits until the peer at this address answers. Gives its id, and where claims are made.
    pub(super) async fn greet(
        &self,
        ip: IpAddr,
        known: Option<NodeId>,
    ) -> Result<(NodeId, SocketAddr), String> {
        let own = self.0.as_ref().map_err(|why| format!("this dispatcher cannot greet: {why}"))?;
        let mut patience = FIRST_TRY;
        loop {
            let tried = timeout(patience, greet((ip, GREETING_PORT).into(), known, own)).await;
            match tried {
                Ok(Ok(greeted)) => {
                    let port = greeted.announcement.map_or(0, |announcement| announcement.ports().secure);
                    let port = u16::try_from(port).ok().filter(|port| *port != 0);
                    let port = port.ok_or("it does not say where its chat is")?;
                    return Ok((greeted.description.id(), (ip, port).into()));
                }
                Ok(Err(GreetError::OtherNode { answered, wanted, .. })) => {
                    let (answered, wanted) = (answered.short(), wanted.short());
                    return Err(format!(
                        "it is {answered} and was {wanted}: its volume was lost, or put in place of another"
                    ));
                }
                Ok(Err(why)) => tracing::trace!(%why, "not yet"),
                Err(_) => patience *= 2,
            }
            sleep(PAUSE).await;
        }
    }
}

fn announcer(own: &Identity, name: &str, network: &str) -> Result<Announcer, InvalidRecord> {
    let description = Description::sign(
        own.key(),
        v1::Description {
            kind: NodeKind::Dispatcher.into(),
            name: name.to_owned(),
            sequence: now_s(),
            certificate: own.certificate().clone(),
            ..v1::Description::default()
        },
    )?;
    let (network, ports) = (Network::named(network), Ports::default());
    Announcer::new(own, now_s(), Presence { network, ports, homes: Vec::new(), description })
}
