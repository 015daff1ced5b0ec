//! `bench relay`: the same work directly from peer to peer and through two bridges, interleaved in one run.
//!
//! Three kinds of ends: raw ones, which speak plain TLS with node ids and show what the way costs; such as have sessions
//! like peers, streams of gRPC, but store nothing; and real peers, whose messages are durable at both ends. Direct and relayed work alternate in short rounds, so that a busy moment of the
//! machine falls on both.

mod bulk;
mod cores;
mod dialer;
mod echo;
mod frames;
mod latency;
mod memory;
mod messages;
pub(crate) mod node;
pub(crate) mod program;
mod sessions;
mod site;
mod start;
pub(crate) mod table;

use std::time::Duration;

pub(crate) use echo::{EchoArguments, serve};
use site::Site;
use table::{Table, Target};

/// The same work over both ways: one figure for each.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pair {
    direct: f64,
    relayed: f64,
}

impl Pair {
    fn ratio(self) -> f64 {
        self.relayed / self.direct
    }
}

/// How much work, as a whole.
#[derive(Debug, Clone, Copy)]
struct Scale {
    quick: bool,
}

impl Scale {
    /// A tenth of `full` when quick.
    const fn of(self, full: usize) -> usize {
        if self.quick { full.div_ceil(10) } else { full }
    }
}

/// What can be measured without the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Part {
    /// Durable appends, and the replay of a history
    Storage,
    /// What an idle connection costs the bridges
    Memory,
    /// Round trips, and messages there and back with many under way
    RoundTrips,
    /// One stream and sixteen that are full
    Bulk,
    /// New connections
    Sessions,
    /// Messages of real peers, and the start of one
    Peers,
}

/// Runs everything, or `only` some parts, and prints the table.
pub(crate) async fn run(quick: bool, only: &[Part]) -> anyhow::Result<()> {
    let scale = Scale { quick };
    let wanted = |part| only.is_empty() || only.contains(&part);
    let program = program::find()?;
    rustix::process::setrlimit(rustix::process::Resource::Nofile, all_files())?;
    let folder = tempfile::tempdir()?;
    let mut table = Table::new();

    if wanted(Part::Storage) {
        cores::measure(scale, folder.path(), &mut table)?;
    }
    println!("starting two networks, two bridges, echo peers behind the second...");
    let site = Site::start(&program, folder.path()).await?;
    if wanted(Part::Memory) {
        memory::measure(&site, scale, &mut table).await?;
    }
    if wanted(Part::RoundTrips) {
        frames::measure(&site, scale, &mut table).await?;
        latency::measure(&site, scale, &mut table).await?;
    }
    if wanted(Part::Bulk) {
        bulk::measure(&site, scale, &mut table).await?;
    }
    if wanted(Part::Sessions) {
        sessions::measure(&site, scale, &mut table).await?;
    }
    if wanted(Part::Peers) {
        let people = messages::People::start(&site, &program).await?;
        people.measure_idle(scale, &mut table).await?;
        people.measure(scale, &mut table).await?;
        start::measure(&site, &program, people.observer(), scale, &mut table).await?;
    }

    println!("\n{table}");
    Ok(())
}

/// Thousands of connections at both ends: as many files as this user may open.
fn all_files() -> rustix::process::Rlimit {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    rustix::process::Rlimit { current: limit.maximum, maximum: limit.maximum }
}

/// A limit for what should take moments.
const PATIENCE: Duration = Duration::from_secs(30);

/// Looks at something until it is there.
pub(crate) async fn until<T, F: Future<Output = Option<T>>>(
    what: &str,
    mut look: impl FnMut() -> F,
) -> anyhow::Result<T> {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look().await {
            return Ok(found);
        }
        anyhow::ensure!(tokio::time::Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
