//! What the model wants done.

use std::path::PathBuf;

use bytes::Bytes;

/// What makes a message that is sent again the same message.
pub(super) type Once = [u8; 16];

/// Which part of a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Want {
    /// The newest so many messages.
    Newest(u32),
    /// What comes before a position.
    Before(u64),
    /// What comes after a position.
    After(u64),
    /// The message at a position, with what came before it.
    Around(u64),
    /// The first message that was not read, with what came after it.
    Unread,
}

/// Something to do outside of the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Effect {
    Send {
        to: Bytes,
        text: String,
        once: Once,
    },
    Load {
        peer: Bytes,
        want: Want,
    },
    MarkRead {
        peer: Bytes,
        epoch: Bytes,
        through: u64,
    },
    Typing {
        to: Bytes,
        active: bool,
    },
    /// `search` tells the answers to different searches apart.
    Search {
        search: u64,
        text: String,
        peer: Option<Bytes>,
        before: u64,
    },
    SafetyNumber {
        peer: Bytes,
    },
    SetVerified {
        peer: Bytes,
        verified: bool,
    },
    SetBlocked {
        peer: Bytes,
        blocked: bool,
    },
    Delete {
        peer: Bytes,
    },
    Rename {
        name: String,
    },
    Export {
        peer: Bytes,
        path: PathBuf,
    },
    /// Draw everything anew: something else wrote on the terminal.
    Redraw,
    Leave,
}
