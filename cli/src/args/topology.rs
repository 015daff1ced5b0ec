//! The options of `causeway topology`.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand, ValueEnum};
use discovery::Target;

use super::drop_link::DropLink;
use crate::instant::Instant;

#[derive(Debug, ClapArgs)]
pub(crate) struct Topology {
    #[command(subcommand)]
    pub(crate) command: TopologyCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TopologyCommand {
    /// What happened: the events of all logs, in their order
    #[command(
        after_help = "Examples:\n  causeway topology log --since -15m\n  causeway topology log --kind link_down --kind link_up --since \"yesterday 02:00\"\n  causeway topology log --node anna --follow"
    )]
    Log(LogArgs),
    /// Networks, bridges, links and peers as they were
    #[command(
        after_help = "Examples:\n  causeway topology show\n  causeway topology show --at-time \"02:14\"\n  causeway topology show --at-time 02:14 --known-by attic\n  causeway topology show --at-event abcdefgh.0193a0b1c2d3.17 --json"
    )]
    Show(ShowArgs),
    /// What joined, left, moved, linked or broke between two times
    #[command(after_help = "Example:\n  causeway topology diff \"yesterday 02:00\" \"yesterday 02:30\"")]
    Diff(DiffArgs),
    /// How a peer is known, and the way to it, or why there is none
    #[command(after_help = "Example:\n  causeway topology why anna --at-time 02:14")]
    Why(WhyArgs),
    /// The way from one node to another, its cost, and what changed it last
    #[command(after_help = "Example:\n  causeway topology path anna ben --at-time -2h")]
    Path(PathArgs),
    /// The federation as a picture
    #[command(
        after_help = "Examples:\n  causeway topology graph --format svg > now.svg\n  causeway topology graph --at-time 02:14 | dot -Tpng > then.png"
    )]
    Graph(GraphArgs),
    /// Play the history in the terminal, event by event, with the state beside it
    #[command(
        after_help = "Keys: space plays and pauses, arrows step, PgUp and PgDn go far, g jumps to a time, / searches, n and N \
                      find again, + and - change the speed, q leaves.\n\nExample:\n  causeway topology replay --since \"yesterday 02:00\" --speed 10"
    )]
    Replay(ReplayArgs),
    /// How many events of which kind, by whom and when; what flaps; the longest outages
    #[command(after_help = "Example:\n  causeway topology stats --since -24h")]
    Stats(StatsArgs),
    /// Check every hash, every signature and the order of all logs
    #[command(after_help = "Example:\n  causeway topology verify --file incident.causeway")]
    Verify(VerifyArgs),
    /// Write the signed logs to one file, which anybody can verify and look at without the network
    #[command(
        after_help = "Example:\n  causeway topology export incident.causeway\n  causeway topology export incident.causeway --journal"
    )]
    Export(ExportArgs),
    /// Put the logs of such a file into a data directory: a new one to look at, or that of a bridge that does not run
    #[command(after_help = "Example:\n  causeway topology import incident.causeway --data ./incident")]
    Import(ImportArgs),
    /// Replay a bridge's exported journal through the core, as it was or with changes, and compare what comes out
    #[command(
        after_help = "Examples:\n  causeway topology simulate incident.causeway\n  causeway topology simulate incident.causeway --drop-link \"attic/rack@02:14\""
    )]
    Simulate(SimulateArgs),
}

/// Whose logs.
#[derive(Debug, Clone, Default, ClapArgs)]
pub(crate) struct SourceArgs {
    /// The data directory of a bridge, running or not (default: that of the one running bridge)
    #[arg(long, env = "CAUSEWAY_DATA", value_name = "DIR", conflicts_with_all = ["file", "at"])]
    pub(crate) data: Option<PathBuf>,
    /// A file that `causeway topology export` wrote
    #[arg(long, value_name = "FILE", conflicts_with = "at")]
    pub(crate) file: Option<PathBuf>,
    /// The control port of a bridge that has you on its operators' list
    #[arg(long, value_name = "HOST:PORT[/NODEID]")]
    pub(crate) at: Option<Target>,
    /// The data directory whose identity asks there (default: the only one you have)
    #[arg(long = "as", value_name = "DIR", requires = "at")]
    pub(crate) identity: Option<PathBuf>,
}

#[derive(Debug, Clone, Default, ClapArgs)]
pub(crate) struct AskArgs {
    #[command(flatten)]
    pub(crate) source: SourceArgs,
    /// One JSON object per line
    #[arg(long)]
    pub(crate) json: bool,
}

const TIME_HELP: &str = "A time: RFC 3339, `-15m`, `02:14`, `yesterday 02:14`, `2026-11-26 02:14`";

#[derive(Debug, ClapArgs)]
pub(crate) struct LogArgs {
    /// From this time on
    #[arg(long, value_name = "TIME", long_help = TIME_HELP, allow_hyphen_values = true)]
    pub(crate) since: Option<Instant>,
    /// Up to this time
    #[arg(long, value_name = "TIME", long_help = TIME_HELP, allow_hyphen_values = true)]
    pub(crate) until: Option<Instant>,
    /// Only the bridges of this network: its name, or # and the beginning of its id
    #[arg(long, value_name = "NET")]
    pub(crate) network: Option<String>,
    /// Only events by or about this node: a name, an id, or its beginning (8 characters at least)
    #[arg(long, value_name = "NODE")]
    pub(crate) node: Option<String>,
    /// Only events of this kind; repeatable
    #[arg(long = "kind", value_name = "KIND", value_parser = kind())]
    pub(crate) kinds: Vec<String>,
    /// Only the last N events
    #[arg(long, value_name = "N", conflicts_with = "follow")]
    pub(crate) last: Option<u32>,
    /// Go on with events as they come in
    #[arg(long, conflicts_with = "until")]
    pub(crate) follow: bool,
    #[command(flatten)]
    pub(crate) ask: AskArgs,
}

fn kind() -> clap::builder::PossibleValuesParser {
    gateway::past::KINDS.map(|(_, name)| name).into()
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ShowArgs {
    /// As of this time (default: now)
    #[arg(long, value_name = "TIME", long_help = TIME_HELP, allow_hyphen_values = true)]
    pub(crate) at_time: Option<Instant>,
    /// As of this event, with all that came before it
    #[arg(long, value_name = "ID", conflicts_with = "at_time")]
    pub(crate) at_event: Option<String>,
    /// Show the ways from this bridge (default: the one that is asked)
    #[arg(long, value_name = "BRIDGE")]
    pub(crate) from: Option<String>,
    /// Only what this bridge knew then, by its journal, and what was so that it did not know
    #[arg(long, value_name = "BRIDGE", conflicts_with_all = ["from", "at_event"])]
    pub(crate) known_by: Option<String>,
    #[command(flatten)]
    pub(crate) ask: AskArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct DiffArgs {
    /// The earlier time
    #[arg(value_name = "TIME1", long_help = TIME_HELP, allow_hyphen_values = true)]
    pub(crate) earlier: Instant,
    /// The later time (default: now)
    #[arg(value_name = "TIME2", long_help = TIME_HELP, allow_hyphen_values = true)]
    pub(crate) later: Option<Instant>,
    #[command(flatten)]
    pub(crate) ask: AskArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct WhyArgs {
    /// A name, an id, or the beginning of one (8 characters at least)
    pub(crate) peer: String,
    /// As of this time (default: now)
    #[arg(long, value_name = "TIME", long_help = TIME_HELP, allow_hyphen_values = true)]
    pub(crate) at_time: Option<Instant>,
    /// Show the way from this bridge (default: the one that is asked)
    #[arg(long, value_name = "BRIDGE")]
    pub(crate) from: Option<String>,
    /// Only what this bridge knew then, by its journal
    #[arg(long, value_name = "BRIDGE")]
    pub(crate) known_by: Option<String>,
    #[command(flatten)]
    pub(crate) ask: AskArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct PathArgs {
    /// A peer or a bridge: a name, an id, or the beginning of one (8 characters at least)
    pub(crate) from: String,
    /// Likewise
    pub(crate) to: String,
    /// As of this time (default: now)
    #[arg(long, value_name = "TIME", long_help = TIME_HELP, allow_hyphen_values = true)]
    pub(crate) at_time: Option<Instant>,
    #[command(flatten)]
    pub(crate) ask: AskArgs,
}

/// How a picture is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum GraphFormat {
    /// Graphviz
    Dot,
    /// Mermaid, which many wikis draw
    Mermaid,
    /// A picture
    Svg,
    /// One JSON object: nodes and edges
    Json,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct GraphArgs {
    /// As of this time (default: now)
    #[arg(long, value_name = "TIME", long_help = TIME_HELP, allow_hyphen_values = true)]
    pub(crate) at_time: Option<Instant>,
    /// How the picture is written
    #[arg(long, value_enum, default_value_t = GraphFormat::Dot)]
    pub(crate) format: GraphFormat,
    #[command(flatten)]
    pub(crate) source: SourceArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ReplayArgs {
    /// From this time on
    #[arg(long, value_name = "TIME", long_help = TIME_HELP, allow_hyphen_values = true)]
    pub(crate) since: Option<Instant>,
    /// Up to this time
    #[arg(long, value_name = "TIME", long_help = TIME_HELP, allow_hyphen_values = true)]
    pub(crate) until: Option<Instant>,
    /// How many times as fast as it happened; waits are cut to two seconds
    #[arg(long, value_name = "X", default_value_t = 1.0, conflicts_with = "step", value_parser = speed)]
    pub(crate) speed: f64,
    /// Begin paused
    #[arg(long)]
    pub(crate) step: bool,
    #[command(flatten)]
    pub(crate) source: SourceArgs,
}

fn speed(text: &str) -> Result<f64, String> {
    let speed = text.parse().ok().filter(|speed: &f64| speed.is_finite() && *speed > 0.0);
    speed.ok_or_else(|| "a speed is a number above 0, such as 10 or 0.5".into())
}

#[derive(Debug, ClapArgs)]
pub(crate) struct StatsArgs {
    /// From this time on
    #[arg(long, value_name = "TIME", long_help = TIME_HELP, allow_hyphen_values = true)]
    pub(crate) since: Option<Instant>,
    /// Up to this time
    #[arg(long, value_name = "TIME", long_help = TIME_HELP, allow_hyphen_values = true)]
    pub(crate) until: Option<Instant>,
    #[command(flatten)]
    pub(crate) ask: AskArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct VerifyArgs {
    #[command(flatten)]
    pub(crate) ask: AskArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ExportArgs {
    /// The file, which must not exist; `-` for standard output
    pub(crate) output: PathBuf,
    /// With the bridge's own journal: what it saw and received, and when. It is needed to say what the bridge knew, and to
    /// simulate
    #[arg(long)]
    pub(crate) journal: bool,
    /// And with the addresses in it, of peers and of bridges
    #[arg(long, requires = "journal")]
    pub(crate) addresses: bool,
    #[command(flatten)]
    pub(crate) source: SourceArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct SimulateArgs {
    /// A file that `causeway topology export --journal` wrote
    pub(crate) file: PathBuf,
    /// Another source of randomness than the run had
    #[arg(long, value_name = "NUMBER")]
    pub(crate) seed: Option<u64>,
    /// What if the bridge's link between A and B had gone down at a time, and stayed down: names or ids with `-` between
    /// them, or with `/` where a name has a `-`; repeatable
    #[arg(long = "drop-link", value_name = "A-B@TIME")]
    pub(crate) drop_links: Vec<DropLink>,
    /// One JSON object per line
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ImportArgs {
    /// The file
    pub(crate) file: PathBuf,
    /// The data directory that the logs go into
    #[arg(long, env = "CAUSEWAY_DATA", value_name = "DIR")]
    pub(crate) data: PathBuf,
}
