//! One question to one bridge, for `causeway doctor --link`: does a link to it work, and if not, why?

use std::{fmt, net::SocketAddr, time::Duration};

use discovery::doctor::Verdict;
use identity::{Description, Network, NodeId, tls::Identity};
use proto::{
    link::v1::{Close, Purpose},
    node::v1::{self, NodeKind},
};
use quinn::{Connection, ConnectionError, VarInt};
use tokio::time::{Instant, sleep, timeout};

use super::{
    Introduction,
    close::{code_of, sentence},
    greet::{GreetError, greet, hello},
    race::{self, RaceError},
};
use crate::endpoint::{LinkEndpoint, MAX_UDP_PAYLOAD, remote_of};

/// How long to watch the search for the largest packet.
const MTU_LIMIT: Duration = Duration::from_secs(2);
/// The search is over when nothing larger came through for so long.
const MTU_QUIET: Duration = Duration::from_millis(400);
/// How often to look.
const MTU_STEP: Duration = Duration::from_millis(20);
/// How long the goodbye may take.
const CLOSE_LIMIT: Duration = Duration::from_secs(1);

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How it is. What does not keep the link from coming up, such as small buffers, is doubtful.
    pub verdict: Verdict,
    /// What was found, and what to do if it is not good.
    pub sentence: String,
}

/// What a probe found, in the order in which things happen.
#[derive(Debug, Clone, Default)]
pub struct ProbeReport {
    /// For people.
    pub findings: Vec<Finding>,
    /// The address that answered.
    pub address: Option<SocketAddr>,
    /// Something speaking QUIC answered over UDP.
    pub reachable: bool,
    /// It proved the expected id.
    pub proven: bool,
    /// It trusts us; also when it was not asked.
    pub trusted: bool,
    /// The round trip.
    pub rtt: Option<Duration>,
    /// The largest UDP payload that came through.
    pub mtu: Option<u16>,
}

impl ProbeReport {
    /// A link would come up.
    pub fn is_good(&self) -> bool {
        self.reachable && self.proven && self.trusted
    }

    fn good(&mut self, sentence: String) {
        self.findings.push(Finding { verdict: Verdict::Good, sentence });
    }

    fn bad(&mut self, sentence: String) {
        self.findings.push(Finding { verdict: Verdict::Bad, sentence });
    }

    fn doubtful(&mut self, sentence: String) {
        self.findings.push(Finding { verdict: Verdict::Doubtful, sentence });
    }
}

impl fmt::Display for ProbeReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.findings {
            writeln!(f, "{:<5}{}", finding.verdict.word(), finding.sentence)?;
        }
        Ok(())
    }
}

/// Tries a link to a bridge as far as the exchange of hellos. Nothing is changed on either side, and a link that is up
/// is not touched. Without the identity of a bridge everything is tried but whether the other side trusts it.
pub async fn probe(identity: Option<&Identity>, host_port: &str, id: NodeId) -> ProbeReport {
    let mut report = ProbeReport::default();
    let own = identity.map_or_else(Identity::ephemeral, |identity| Ok(identity.clone()));
    let endpoint = own.map_err(|error| error.to_string());
    let endpoint = endpoint.and_then(|own| LinkEndpoint::dialler(&own).map_err(|error| error.to_string()));
    let endpoint = match endpoint {
        Ok(endpoint) => endpoint,
        Err(error) => {
            report.bad(error);
            return report;
        }
    };
    if let Some(small) = endpoint.small_buffers() {
        report.doubtful(small.to_string());
    }
    match race::connect(&endpoint, host_port, id).await {
        Ok(connection) => look_closer(&mut report, identity, &connection, id).await,
        Err(error) => explain(&mut report, &error, id),
    }
    // Whether the other side heard the goodbye does not matter to the report.
    let _ =
        timeout(CLOSE_LIMIT, endpoint.close(VarInt::from_u32(Close::Shutdown as u32), "probe done")).await;
    report
}

fn explain(report: &mut ProbeReport, error: &RaceError, id: NodeId) {
    let refused = matches!(error, RaceError::Refused(_));
    report.reachable = refused;
    if let RaceError::Refused(ConnectionError::TransportError(_)) = error {
        report.good("something that speaks QUIC answers over UDP".into());
        report.bad(format!(
            "{error}; expected was {id}: check the address and the id (`causeway id` on the other machine prints it)"
        ));
    } else {
        report.bad(error.to_string());
    }
}

async fn look_closer(
    report: &mut ProbeReport,
    identity: Option<&Identity>,
    connection: &Connection,
    id: NodeId,
) {
    let address = remote_of(connection);
    report.address = Some(address);
    (report.reachable, report.proven) = (true, true);
    report.good(format!("UDP reaches {address}, and QUIC answers"));
    report.good(format!("it proves that it is {id}"));
    match identity {
        Some(identity) => look_at_trust(report, identity, connection, id).await,
        None => {
            report.trusted = true;
            report.good(
                "whether it trusts a bridge of yours was not asked, for no running bridge of yours was found: ask as its \
                 user, with --data DIR"
                    .into(),
            );
        }
    }
    measure(report, connection).await;
}

async fn look_at_trust(report: &mut ProbeReport, identity: &Identity, connection: &Connection, id: NodeId) {
    match ask_for_trust(identity, connection, id).await {
        Ok(other) => {
            report.trusted = true;
            let (name, network) = (other.description.name().to_owned(), other.network.name);
            report.good(format!(
                "it trusts this bridge, calls itself `{name}` and serves the network `{network}`"
            ));
        }
        Err(reason) => report.bad(reason),
    }
}

async fn ask_for_trust(
    identity: &Identity,
    connection: &Connection,
    id: NodeId,
) -> Result<Introduction, String> {
    let own = introduction(identity)?;
    match greet(connection, id, hello(&own, Purpose::Gossip, rand::random(), None)).await {
        Ok((.., greeting)) => Ok(greeting.introduction),
        Err(GreetError::Closed(closed)) if code_of(&closed) == Some(Close::NotTrusted) => Err(format!(
            "it does not trust this bridge: run `causeway trust add {}` there, or `causeway invite` there and \
             `causeway join` here",
            identity.id()
        )),
        Err(GreetError::Closed(closed)) => Err(sentence(&closed)),
        Err(error) => Err(error.to_string()),
    }
}

/// A hello needs a description; this one is seen by nobody but the other side's check.
fn introduction(identity: &Identity) -> Result<Introduction, String> {
    let message = v1::Description {
        kind: NodeKind::Bridge.into(),
        name: "doctor".into(),
        certificate: identity.certificate().clone(),
        ..v1::Description::default()
    };
    let description = Description::sign(identity.key(), message).map_err(|error| error.to_string())?;
    Ok(Introduction { description, network: Network::named("doctor") })
}

async fn measure(report: &mut ProbeReport, connection: &Connection) {
    let began = Instant::now();
    let (mut mtu, mut grew) = (connection.stats().path.current_mtu, began);
    while connection.close_reason().is_none() && began.elapsed() < MTU_LIMIT && grew.elapsed() < MTU_QUIET {
        sleep(MTU_STEP).await;
        let now = connection.stats().path.current_mtu;
        if now > mtu {
            (mtu, grew) = (now, Instant::now());
        }
    }
    let rtt = connection.rtt();
    (report.rtt, report.mtu) = (Some(rtt), Some(mtu));
    report.good(format!(
        "a round trip takes {:.1} ms, and packets of {mtu} bytes come through (at most {MAX_UDP_PAYLOAD} are tried)",
        rtt.as_secs_f64() * 1000.0
    ));
}
