//! Getting to know a peer that was just started.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use discovery::{
    Announcer,
    greeting::{GreetError, greet},
};
use identity::NodeId;
use tokio::time::{sleep, timeout};

/// Where every peer is greeted. In a container nobody else takes the port.
const GREETING_PORT: u16 = 30_001;
/// Between two tries: a peer listens within some milliseconds.
const PAUSE: Duration = Duration::from_millis(20);
/// How long the first try may take; each next one twice as long. The first packets to a new container may get lost, and the
/// system would wait a second before it sends them again.
const FIRST_TRY: Duration = Duration::from_millis(250);

/// Greets in the dispatcher's name.
#[derive(Debug)]
pub(super) struct Greeter(pub(super) Announcer);

impl Greeter {
    /// Waits until the peer at this address answers. Gives its id, and where claims are made.
    pub(super) async fn greet(
        &self,
        ip: IpAddr,
        known: Option<NodeId>,
    ) -> Result<(NodeId, SocketAddr), String> {
        let mut patience = FIRST_TRY;
        loop {
            let tried = timeout(patience, greet((ip, GREETING_PORT).into(), known, &self.0)).await;
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
