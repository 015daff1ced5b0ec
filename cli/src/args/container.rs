//! The command line of `causeway-peer`.

use clap::{Parser, Subcommand};

use super::{DataArgs, Global, PeerArgs, ReadArgs};

const ABOUT: &str = "A peer of Causeway in a container. All else is in the program `causeway`.";

/// What was typed. The commands, their options and what they print are those of `causeway`.
#[derive(Debug, Parser)]
#[command(name = "causeway-peer", version, about = ABOUT, disable_help_subcommand = true)]
pub(crate) struct ContainerArgs {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: ContainerCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ContainerCommand {
    /// Run the peer
    Peer(Box<PeerArgs>),
    /// Whether the peer answers: 0 if it does, else 3
    Health(DataArgs),
    /// How the peer is
    Status(ReadArgs),
    /// Whom the peer knows
    Peers(ReadArgs),
    /// Print the peer's node id, making an identity if there is none
    Id(DataArgs),
}
