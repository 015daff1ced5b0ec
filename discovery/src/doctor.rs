//! Whether discovery works on this machine, and what to do if not.
//!
//! It opens the sockets that a node opens, says something, and listens: to itself, and to whoever else is there. The
//! result is data with sentences; how it is shown is another's affair.

use std::{
    collections::BTreeSet,
    io,
    net::IpAddr,
    sync::Arc,
    time::{Duration, SystemTime},
};

use identity::{Network, NodeId};

use crate::{DEFAULT_PORT, source::multicast::interfaces};

mod clock;
mod findings;
mod machine;
mod port;
mod probe;

pub use machine::InterfaceNature;
pub use port::PortState;

/// How to examine.
#[derive(Debug, Clone)]
pub struct Examination {
    /// The shared port.
    pub port: u16,
    /// Only these interfaces; empty: those that a node would take.
    pub interfaces: Vec<String>,
    /// The network whose nodes are asked to answer. None: nobody is asked, only listened to.
    pub network: Option<String>,
    /// How long to listen. Nodes speak at least every 5.5 seconds.
    pub listen: Duration,
}

/// What was found.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Diagnosis {
    /// One entry per interface and family.
    pub links: Vec<LinkHealth>,
    /// Who was heard.
    pub nodes: Vec<HeardNode>,
    /// Who shares the port, or keeps others from it.
    pub port: PortState,
    /// The time of this machine's clock.
    pub now: SystemTime,
    /// The sentences, the worst first.
    pub findings: Vec<Finding>,
}

/// How multicast fares on one interface and family.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct LinkHealth {
    /// The interface.
    pub interface: Arc<str>,
    /// The address that speaks.
    pub address: IpAddr,
    /// What kind of interface it is.
    pub nature: InterfaceNature,
    /// A node would use it with these settings.
    pub used: bool,
    /// The sockets could be opened and a datagram sent; else why not.
    pub sent: Result<(), String>,
    /// How long it took to hear oneself. None: not heard.
    pub heard_self: Option<Duration>,
    /// How many other nodes were heard here.
    pub others: usize,
}

/// A node that was heard.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct HeardNode {
    /// Who.
    pub id: NodeId,
    /// Its network.
    pub network: Network,
    /// From where.
    pub from: IpAddr,
    /// On which interface.
    pub interface: Arc<str>,
}

/// One sentence, and how much it matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How much it matters.
    pub verdict: Verdict,
    /// What is the case, and why.
    pub what: String,
    /// What to do about it; empty when there is nothing to do.
    pub advice: String,
}

/// How much a finding matters. The worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Discovery does not work.
    Bad,
    /// It may not work as one expects.
    Doubtful,
    /// Good to know.
    Good,
}

impl Verdict {
    /// How a finding begins.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Bad => "fail",
            Self::Doubtful => "note",
            Self::Good => "ok",
        }
    }
}

impl Default for Examination {
    fn default() -> Self {
        let listen = Duration::from_secs(6);
        Self { port: DEFAULT_PORT, interfaces: Vec::new(), network: None, listen }
    }
}

impl Diagnosis {
    /// True when nothing keeps nodes of this machine from finding others by multicast.
    pub fn is_healthy(&self) -> bool {
        self.findings.iter().all(|finding| finding.verdict != Verdict::Bad)
    }
}

/// Examines this machine. It takes as long as it listens.
///
/// # Errors
/// When the system does not even list its interfaces.
pub async fn examine(examination: &Examination) -> io::Result<Diagnosis> {
    let used = interfaces::links(&examination.interfaces)?;
    let all: BTreeSet<_> = interfaces::all()?;
    let port = port::examine(examination.port);
    let (links, nodes) = probe::probe(examination, &all, &used).await;
    let now = SystemTime::now();
    let mut diagnosis = Diagnosis { links, nodes, port, now, findings: Vec::new() };
    let missing =
        examination.interfaces.iter().filter(|name| !all.iter().any(|link| *link.interface == ***name));
    diagnosis.findings = findings::findings(&diagnosis, examination, missing.cloned().collect());
    diagnosis.findings.extend(clock::findings(now));
    diagnosis.findings.sort_by_key(|finding| finding.verdict);
    Ok(diagnosis)
}
