//! A bridge with a long log: how long its start takes, and the state at any time, for logs of different lengths.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use bytes::Bytes;
use comfy_table::presets;
use gateway::{Bridge, BridgeConfig, BridgePorts, Discovery, Port, past::import};
use identity::NodeKey;
use proto::{
    log::v1::How,
    topology::v1::{LogSpan, LogsRequest, StateAtRequest, topology_client::TopologyClient},
};
use runtime::rpc::connect_unix;
use topology::{MemoryHistory, past::export::Writer, simulator::Forger};

/// Events of the logs.
const LENGTHS: [u64; 3] = [10_000, 100_000, 1_000_000];
/// Peers that the log names, each from its beginning on.
const PEERS: u64 = 1_000;
/// Instants that the state is asked for; they lie all over the log.
const INSTANTS: u64 = 50;
/// What a start, and a state, may take.
const START_TARGET: Duration = Duration::from_millis(500);
const STATE_TARGET: Duration = Duration::from_millis(200);
const GRACE: Duration = Duration::from_secs(1);
const ANSWER_BYTES: usize = 64 << 20;

/// What was measured of one log.
struct Row {
    events: u64,
    first_start: Duration,
    start: Duration,
    /// The first state, for which signatures are checked, then all others.
    first_state: Duration,
    median: Duration,
    slowest: Duration,
    disk_mb: f64,
}

pub(crate) async fn run() -> anyhow::Result<()> {
    let mut table = comfy_table::Table::new();
    table.load_style(presets::NOTHING);
    table.set_header([
        "events",
        "first start",
        "start",
        "first state",
        "state, median",
        "slowest",
        "disk",
        "targets",
    ]);
    for events in LENGTHS {
        let row = measure(events).await?;
        let met = row.start <= START_TARGET && row.slowest.max(row.first_state) <= STATE_TARGET;
        table.add_row([
            row.events.to_string(),
            format!("{:.0?}", row.first_start),
            format!("{:.0?}", row.start),
            format!("{:.1?}", row.first_state),
            format!("{:.1?}", row.median),
            format!("{:.1?}", row.slowest),
            format!("{:.0} MB", row.disk_mb),
            if met { "met" } else { "<<< MISSED" }.to_owned(),
        ]);
        println!("{}\n", table.trim_fmt());
    }
    println!("targets: a start within {START_TARGET:?}, a state within {STATE_TARGET:?}");
    Ok(())
}

async fn measure(events: u64) -> anyhow::Result<Row> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let file = write(folder.path(), events)?;
    let (taken, notes) = import(&data, &file)?;
    anyhow::ensure!(
        taken == events && notes.is_empty(),
        "{taken} of {events} events were imported: {notes:?}"
    );
    std::fs::remove_file(&file)?;
    // It folds everything, and keeps the snapshots.
    let begun = Instant::now();
    let bridge = start(&data).await?;
    let first_start = begun.elapsed();
    bridge.shutdown(GRACE).await;
    let begun = Instant::now();
    let bridge = start(&data).await?;
    let start = begun.elapsed();
    let channel = connect_unix(bridge.socket()).await?;
    let mut past = TopologyClient::new(channel).max_decoding_message_size(ANSWER_BYTES);
    let logs = past.logs(LogsRequest {}).await?.into_inner().logs;
    let long: LogSpan = logs.into_iter().max_by_key(|log| log.events).context("no log")?;
    let mut times = Vec::new();
    for number in 0..INSTANTS {
        // A step that is no divisor: no two are near, and the last third is not asked for last.
        let share = number * 19 % INSTANTS + 1;
        let at = long.first + (long.last - long.first) / INSTANTS * share;
        let begun = Instant::now();
        let state = past.state_at(StateAtRequest { at, ..StateAtRequest::default() }).await?.into_inner();
        times.push(begun.elapsed());
        anyhow::ensure!(
            state.bridges.len() == 1 && !state.peers.is_empty(),
            "another state than was written"
        );
    }
    bridge.shutdown(GRACE).await;
    let first_state = times.remove(0);
    times.sort_unstable();
    let (median, slowest) = (times[times.len() / 2], *times.last().context("no times")?);
    Ok(Row { events, first_start, start, first_state, median, slowest, disk_mb: size(&data)? / 1e6 })
}

pub(crate) async fn start(data: &Path) -> anyhow::Result<Bridge> {
    let config = BridgeConfig {
        listen: Some([127, 0, 0, 1].into()),
        ports: BridgePorts::all(Port::Exact(0)),
        discovery: Discovery::Off,
        ..BridgeConfig::new(data, "bench", "bench")
    };
    Ok(Bridge::start(config).await?)
}

/// An exported file of a log whose peers come first and whose link then comes and goes.
fn write(folder: &Path, events: u64) -> anyhow::Result<PathBuf> {
    let mut forger = Forger::new(1, 1);
    let (id, network) = (forger.id(), forger.network.clone());
    let other = Forger::new(2, 1).id();
    for number in 2..=events {
        match number {
            _ if number <= PEERS + 1 => {
                forger.claim(number, How::Registered, &[id], &network);
            }
            _ if number % 2 == 0 => forger.link_up(other),
            _ => forger.link_down(other),
        }
    }
    export(folder, &forger)
}

/// A file of what was written, in a folder.
pub(crate) fn export(folder: &Path, forger: &Forger) -> anyhow::Result<PathBuf> {
    let history = MemoryHistory::default();
    history.store(forger.log, 1, &forger.stored());
    let mut file = Vec::new();
    let put = |piece: Bytes| {
        file.extend_from_slice(&piece);
        Ok::<(), std::convert::Infallible>(())
    };
    Writer::new(&history, &NodeKey::generate()).write(1, "bench", put)?;
    let path = folder.join("log");
    std::fs::write(&path, file)?;
    Ok(path)
}

/// Bytes of all files below a folder.
fn size(folder: &Path) -> anyhow::Result<f64> {
    let mut bytes = 0.0;
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        bytes += if path.is_dir() { size(&path)? } else { path.metadata()?.len() as f64 };
    }
    Ok(bytes)
}
