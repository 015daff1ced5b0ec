//! The options of commands that ask or tell a node something.

use std::{path::PathBuf, str::FromStr};

use clap::{Args as ClapArgs, Subcommand};
use discovery::Target;
use identity::NodeId;

#[derive(Debug, ClapArgs)]
pub(crate) struct Demo {
    /// End once every step was verified: with 0, or at the first step that failed with its name
    #[arg(long)]
    pub(crate) exit: bool,
}

/// Whose data directory.
#[derive(Debug, Clone, Default, ClapArgs)]
pub(crate) struct DataArgs {
    /// The node's data directory (default: that of the one running node)
    #[arg(long, env = "CAUSEWAY_DATA", value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct ReadArgs {
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// One JSON object per line
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Identity {
    #[command(subcommand)]
    pub(crate) command: IdentityCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum IdentityCommand {
    /// Write the identity to a file, sealed by a passphrase
    #[command(
        after_help = "The passphrase is asked for, or taken from CAUSEWAY_PASSPHRASE.\n\nExample:\n  causeway identity export anna.identity --data DIR"
    )]
    Export(IdentityFile),
    /// Read the identity from such a file into a data directory that has none
    #[command(
        after_help = "The passphrase is asked for, or taken from CAUSEWAY_PASSPHRASE.\n\nExample:\n  causeway identity import anna.identity --data DIR"
    )]
    Import(IdentityFile),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct IdentityFile {
    /// The file; `-` for standard input or output
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) data: DataArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Invite {
    /// The address that the other bridge shall dial (default: the addresses of this machine)
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) address: Option<String>,
    /// How long the token is good for, such as 10m or 2h
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = validity)]
    pub(crate) valid: std::time::Duration,
    #[command(flatten)]
    pub(crate) data: DataArgs,
}

fn validity(text: &str) -> Result<std::time::Duration, String> {
    let valid = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if valid.as_secs() == 0 { Err("less than a second is no time to use it".into()) } else { Ok(valid) }
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Join {
    /// The token that `causeway invite` printed
    pub(crate) token: String,
    #[command(flatten)]
    pub(crate) data: DataArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Trust {
    #[command(subcommand)]
    pub(crate) command: TrustCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TrustCommand {
    /// Accept links from and to a bridge
    #[command(after_help = "Example:\n  causeway trust add NODEID")]
    Add(TrustNode),
    /// Trust a bridge no longer: its links are closed at once
    #[command(after_help = "Example:\n  causeway trust remove NODEID")]
    Remove(TrustNode),
    /// The trusted bridges
    #[command(after_help = "Example:\n  causeway trust list --json")]
    List(ReadArgs),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct TrustNode {
    /// The bridge's node id, as `causeway id` prints it there
    #[arg(value_name = "NODEID")]
    pub(crate) id: NodeId,
    #[command(flatten)]
    pub(crate) data: DataArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Policy {
    #[command(subcommand)]
    pub(crate) command: PolicyCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// What the policy says
    #[command(after_help = "Example:\n  causeway policy show --json")]
    Show(ReadArgs),
    /// Which peers of the bridge's network others may reach
    #[command(
        after_help = "Example:\n  causeway policy export deny NODEID\n\nOnly one peer, and nobody else:\n  causeway policy export allow NODEID\n  causeway policy export deny others"
    )]
    Export(Rule),
    /// Which remote peers the bridge's network may reach
    #[command(after_help = "Example:\n  causeway policy import deny NODEID")]
    Import(Rule),
    /// Let everybody through again, and forget what was listed
    #[command(after_help = "Example:\n  causeway policy clear")]
    Clear(DataArgs),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Rule {
    #[command(subcommand)]
    pub(crate) command: RuleCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RuleCommand {
    /// Let a peer through, or all that are not listed
    #[command(
        after_help = "Example:\n  causeway policy export allow NODEID\n  causeway policy import allow others"
    )]
    Allow(RuleSubject),
    /// Let a peer through no more, or all that are not listed: connections that are open go on
    #[command(
        after_help = "Example:\n  causeway policy export deny NODEID\n  causeway policy import deny others"
    )]
    Deny(RuleSubject),
    /// Take a peer off the list: it is treated as all that are not listed
    #[command(after_help = "Example:\n  causeway policy export forget NODEID")]
    Forget(RuleNode),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct RuleSubject {
    /// The peer's node id, as `causeway peers --json` shows it, or `others`: all that are not listed
    #[arg(value_name = "NODEID|others")]
    pub(crate) who: Who,
    #[command(flatten)]
    pub(crate) data: DataArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct RuleNode {
    /// The peer's node id
    #[arg(value_name = "NODEID", value_parser = listed_node)]
    pub(crate) id: NodeId,
    #[command(flatten)]
    pub(crate) data: DataArgs,
}

/// Whom a rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    /// This peer.
    Node(NodeId),
    /// All that are not listed.
    Others,
}

impl FromStr for Who {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "others" { Ok(Self::Others) } else { listed_node(text).map(Self::Node) }
    }
}

fn listed_node(text: &str) -> Result<NodeId, String> {
    text.parse().map_err(|_| {
        "a policy takes whole node ids, for anybody may take a name: `causeway peers --json` shows them"
            .to_owned()
    })
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Link {
    #[command(subcommand)]
    pub(crate) command: LinkCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LinkCommand {
    /// Keep a link to a bridge, and trust it
    #[command(after_help = "Example:\n  causeway link add quic://cloud.example.org:30020/NODEID")]
    Add(LinkTarget),
    /// Keep that link no longer
    #[command(after_help = "Example:\n  causeway link remove NODEID")]
    Remove(LinkTarget),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct LinkTarget {
    /// `quic://HOST:PORT/NODEID`; to remove, the node id or the name will do
    #[arg(value_name = "LINK")]
    pub(crate) link: String,
    #[command(flatten)]
    pub(crate) data: DataArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Completions {
    /// For which shell
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Man {
    /// The directory to write the pages to, one for each command
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Open {
    /// The node's data directory (default: that of the one running node)
    #[arg(long, env = "CAUSEWAY_DATA", value_name = "DIR", conflicts_with = "at")]
    pub(crate) data: Option<PathBuf>,
    /// The control port of a bridge that has you on its operators' list
    #[arg(long, value_name = "HOST:PORT[/NODEID]")]
    pub(crate) at: Option<Target>,
    /// The data directory whose identity asks there (default: the only one you have)
    #[arg(long = "as", value_name = "DIR", requires = "at")]
    pub(crate) identity: Option<PathBuf>,
    /// Open no browser
    #[arg(long)]
    pub(crate) print: bool,
}

#[derive(Debug, ClapArgs)]
#[command(group = clap::ArgGroup::new("what").args(["network", "link"]))]
pub(crate) struct Doctor {
    /// Look for the nodes of this network
    #[arg(long, value_name = "NET")]
    pub(crate) network: Option<String>,
    /// Try to reach this bridge over UDP
    #[arg(long, value_name = "URL")]
    pub(crate) link: Option<String>,
    #[command(flatten)]
    pub(crate) consul: super::ConsulArgs,
    /// Interfaces to look at; repeatable
    #[arg(long = "interface", value_name = "IF")]
    pub(crate) interfaces: Vec<String>,
    /// The UDP port of discovery
    #[arg(long, env = "CAUSEWAY_DISCOVERY_PORT", value_name = "PORT")]
    pub(crate) discovery_port: Option<u16>,
    #[command(flatten)]
    pub(crate) read: ReadArgs,
}
