//! What was typed: the command line and the environment, nothing interpreted yet.

mod ask;
mod consul;
mod container;
mod dispatcher;
mod drop_link;
mod messenger;
mod run;
mod topology;

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};

pub(crate) use ask::{
    Completions, DataArgs, Demo, Doctor, Identity, IdentityCommand, IdentityFile, Invite, Join, Link,
    LinkCommand, LinkTarget, Man, Open, Policy, PolicyCommand, ReadArgs, RuleCommand, Trust, TrustCommand,
    TrustNode, Who,
};
pub(crate) use consul::ConsulArgs;
pub(crate) use container::{ContainerArgs, ContainerCommand};
pub(crate) use dispatcher::{Backend, Catalog, Dispatcher, DispatcherArgs, DispatcherCommand, KeptArgs};
pub(crate) use messenger::{About, Chat, Delete, Export, Inbox, Rename, Search, Send, Verify};
pub(crate) use run::{BridgeArgs, Listen, PeerArgs, Retain, Ui, Url};
pub(crate) use topology::{
    DiffArgs, ExportArgs, GraphArgs, GraphFormat, ImportArgs, LogArgs, PathArgs, ReplayArgs, ShowArgs,
    SimulateArgs, SourceArgs, StatsArgs, Topology, TopologyCommand, VerifyArgs, WhyArgs,
};

const ABOUT: &str = "People message each other directly, without a central server, even across networks.";

const HELP: &str = "\
Start here:
  causeway demo                             see two networks, two bridges and a conversation across them
  causeway peer --name anna --network home  a peer of your own
  causeway chat                             people and conversations in the terminal
  causeway send ben \"hello\"                 from another terminal

The options of `peer` and `bridge`, and those of logging, can also be set in the environment, as CAUSEWAY_ and their
name, or in the file that --config names (default: causeway/config.toml in the configuration folder). The command
line comes first, then the environment, then the file.

Exit codes:
  0  done                     4  nobody, or more than one, has that name
  1  failed                   5  not delivered in the time given; it stays queued
  2  wrong usage              6  a check found something wrong
  3  no node is running there";

/// The command line.
#[derive(Debug, Parser)]
#[command(name = "causeway", version, about = ABOUT, after_help = HELP, disable_help_subcommand = true)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: Global,
    /// Where a bridge sends traces of the streams it carries: an OpenTelemetry collector's gRPC endpoint, such as
    /// http://localhost:4317
    #[arg(long, global = true, env = "CAUSEWAY_OTLP", value_name = "URL")]
    pub(crate) otlp: Option<String>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command of both programs.
#[derive(Debug, ClapArgs)]
pub(crate) struct Global {
    /// The configuration file
    #[arg(long, global = true, env = "CAUSEWAY_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// What is logged to stderr: error, warn, info, debug, trace, or directives such as `info,gateway=debug`
    #[arg(long, global = true, env = "CAUSEWAY_LOG", value_name = "FILTER")]
    pub(crate) log: Option<String>,
    /// How log lines look
    #[arg(long, global = true, env = "CAUSEWAY_LOG_FORMAT", value_name = "FORMAT")]
    pub(crate) log_format: Option<LogFormat>,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// For people
    Text,
    /// One JSON object per line
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show it: two networks, two bridges, four peers, and a conversation across
    #[command(after_help = "Example:\n  causeway demo --exit")]
    Demo(Demo),
    /// Run a bridge: it links its network with others
    #[command(
        after_help = "Example:\n  causeway bridge --name attic --network home --link quic://cloud.example.org:30020/NODEID\n  causeway bridge --name tower --network cloud --consul http://127.0.0.1:8500"
    )]
    Bridge(Box<BridgeArgs>),
    /// Run a peer: your place in the network
    #[command(
        after_help = "Example:\n  causeway peer --name anna --network home\n  causeway peer --name carla --network cloud --bridge 10.0.0.5:30012\n  causeway peer --name dora --network cloud --consul http://127.0.0.1:8500"
    )]
    Peer(Box<PeerArgs>),
    /// Run a dispatcher: a page where people with only a browser get a peer of their own
    #[command(
        after_help = "It starts `causeway peer` for each of them on this machine. The peers run on when it ends, and are taken up \
                      again.\n\nExample:\n  causeway dispatcher --network cloud\n  causeway dispatcher --network cloud \
                      --domain chat.example.org --consul http://127.0.0.1:8500 --entry-point websecure\n  \
                      causeway dispatcher --network cloud --backend swarm --overlay people \
                      --bridge bridge:30012\n  causeway dispatcher status"
    )]
    Dispatcher(Box<Dispatcher>),
    /// Chat in the terminal, with the peer that runs, or one of its own
    #[command(
        after_help = "It uses the peer of --data or --name, else the only one that runs. Where none runs, it is one itself, with all \
                      options of `causeway peer`, as long as the screen is open; then it logs to chat.log in the data \
                      directory. `?` shows the keys and the commands.\n\nExample:\n  causeway chat\n  causeway chat ben\n  \
                      causeway chat --name anna --network home"
    )]
    Chat(Box<Chat>),
    /// Print the node id of a data directory, making an identity if there is none
    #[command(after_help = "Example:\n  causeway id --data ~/.local/share/causeway/peer-anna")]
    Id(DataArgs),
    /// Move an identity to another machine
    #[command(
        after_help = "Example:\n  causeway identity export anna.identity\n  causeway identity import anna.identity --data DIR"
    )]
    Identity(Identity),
    /// Make a one-time token with which another bridge can join this one
    #[command(after_help = "Example:\n  causeway invite --address cloud.example.org:30020")]
    Invite(Invite),
    /// Use such a token: the two bridges trust each other and are linked
    #[command(after_help = "Example:\n  causeway join causeway1-...")]
    Join(Join),
    /// Which bridges a bridge trusts
    #[command(after_help = "Example:\n  causeway trust add NODEID\n  causeway trust list")]
    Trust(Trust),
    /// Which peers can be reached across a bridge
    #[command(
        after_help = "It limits who can be reached, not who is seen: names and ids stay visible to all bridges. It is about \
                      who is called: messages of a session go both ways, whoever called.\n\nExample:\n  causeway policy \
                      export deny NODEID\n  causeway policy show"
    )]
    Policy(Policy),
    /// To which bridges a bridge keeps a link
    #[command(after_help = "Example:\n  causeway link add quic://cloud.example.org:30020/NODEID")]
    Link(Link),
    /// Whom a node knows
    #[command(after_help = "Example:\n  causeway peers\n  causeway peers --json | jq -r .name")]
    Peers(ReadArgs),
    /// The links of a bridge
    #[command(after_help = "Example:\n  causeway links --json")]
    Links(ReadArgs),
    /// Send a message
    #[command(
        after_help = "Example:\n  causeway send ben \"are you there?\" --wait 5\n  uptime | causeway send ben -"
    )]
    Send(Send),
    /// Show the messages, in order, with their state
    #[command(after_help = "Example:\n  causeway inbox --from ben --follow")]
    Inbox(Inbox),
    /// Search what was said
    #[command(
        after_help = "Example:\n  causeway search harbour seven\n  causeway search --with ben --json tickets"
    )]
    Search(Search),
    /// Write what was said to a file: one JSON object per line, as `inbox --json` shows it
    #[command(
        after_help = "Example:\n  causeway export history.jsonl\n  causeway export --with ben - | jq -r .text"
    )]
    Export(Export),
    /// Leave out what was said with a peer so far; the peer keeps its copy
    #[command(after_help = "Example:\n  causeway delete ben")]
    Delete(Delete),
    /// Show the safety number with a peer: the same on both sides, or somebody is in between
    #[command(after_help = "Example:\n  causeway verify ben\n  causeway verify ben --mark")]
    Verify(Verify),
    /// Take nothing from a peer any more, and send it nothing
    #[command(after_help = "Example:\n  causeway block mallory")]
    Block(About),
    /// Take messages from a blocked peer again
    #[command(after_help = "Example:\n  causeway unblock mallory")]
    Unblock(About),
    /// Change your name, for this and the next starts
    #[command(after_help = "Example:\n  causeway rename \"Anna K.\"")]
    Rename(Rename),
    /// How a node is
    #[command(after_help = "Example:\n  causeway status --json")]
    Status(ReadArgs),
    /// Whether a node answers: 0 if it does, else 3, for what watches over containers and services
    #[command(after_help = "Example:\n  causeway health --data /data")]
    Health(DataArgs),
    /// Print a link to the page of a peer, a bridge or a dispatcher, and open it where there is a screen
    #[command(
        after_help = "Example:\n  causeway open\n  causeway open --at cloud.example.org:30012 --as DIR"
    )]
    Open(Open),
    /// Look back: what happened in the federation, and how it was at any time
    #[command(
        after_help = "Example:\n  causeway topology log --since -15m\n  causeway topology why anna --at-time 02:14\n  causeway topology diff \"yesterday 02:00\" \"yesterday 02:30\""
    )]
    Topology(Topology),
    /// Find out why nodes do not find each other
    #[command(
        after_help = "Example:\n  causeway doctor --network home\n  causeway doctor --link quic://cloud.example.org:30020/NODEID\n  causeway doctor --consul http://127.0.0.1:8500"
    )]
    Doctor(Doctor),
    /// Print completions for a shell
    #[command(
        after_help = "Example:\n  causeway completions bash > ~/.local/share/bash-completion/completions/causeway\n  causeway completions zsh > \"${fpath[1]}/_causeway\"\n  causeway completions fish > ~/.config/fish/completions/causeway.fish"
    )]
    Completions(Completions),
    /// Write the manual pages
    #[command(after_help = "Example:\n  causeway man ~/.local/share/man/man1")]
    Man(Man),
}
