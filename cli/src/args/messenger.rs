//! The options of the messenger's commands.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::{DataArgs, ReadArgs, run::PeerArgs};

#[derive(Debug, ClapArgs)]
pub(crate) struct Chat {
    /// With whom: a name, a node id, or the beginning of either (default: whom you talked to last)
    pub(crate) to: Option<String>,
    #[command(flatten)]
    pub(crate) peer: PeerArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Send {
    /// A name, a node id, or the beginning of one (8 characters at least)
    pub(crate) to: String,
    /// The text; `-` reads it from standard input
    pub(crate) text: String,
    /// Wait so many seconds for the delivery; without, be content once it is stored
    #[arg(long, value_name = "SECONDS")]
    pub(crate) wait: Option<u32>,
    #[command(flatten)]
    pub(crate) read: ReadArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Inbox {
    /// Only the conversation with this peer: a name or an id
    #[arg(long, value_name = "X")]
    pub(crate) from: Option<String>,
    /// Go on with new messages and changes of state
    #[arg(long)]
    pub(crate) follow: bool,
    /// Only the last N messages
    #[arg(long, value_name = "N")]
    pub(crate) last: Option<u32>,
    /// Mark what is shown as read, and let its senders know
    #[arg(long)]
    pub(crate) read_receipts: bool,
    #[command(flatten)]
    pub(crate) read: ReadArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Search {
    /// The words: a message that is found has all of them, in any order and case
    #[arg(required = true)]
    pub(crate) words: Vec<String>,
    /// Only the conversation with this peer: a name or an id
    #[arg(long, value_name = "X")]
    pub(crate) with: Option<String>,
    /// At most the newest N
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub(crate) last: u32,
    #[command(flatten)]
    pub(crate) read: ReadArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Export {
    /// The file, which must not be there yet; `-` for standard output
    pub(crate) file: PathBuf,
    /// Only the conversation with this peer: a name or an id
    #[arg(long, value_name = "X")]
    pub(crate) with: Option<String>,
    #[command(flatten)]
    pub(crate) data: DataArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Rename {
    /// The new name, at most 64 bytes
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) read: ReadArgs,
}

/// A peer that is decided about.
#[derive(Debug, ClapArgs)]
pub(crate) struct About {
    /// A name, a node id, or the beginning of one (8 characters at least)
    pub(crate) peer: String,
    #[command(flatten)]
    pub(crate) read: ReadArgs,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Delete {
    #[command(flatten)]
    pub(crate) about: About,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Verify {
    /// A name, a node id, or the beginning of one (8 characters at least)
    pub(crate) peer: String,
    /// Note that you compared it and it is the same
    #[arg(long, conflicts_with = "unmark")]
    pub(crate) mark: bool,
    /// Take that back
    #[arg(long)]
    pub(crate) unmark: bool,
    #[command(flatten)]
    pub(crate) read: ReadArgs,
}
