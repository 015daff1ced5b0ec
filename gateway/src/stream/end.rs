//! How a stream ended before its time.

use proto::bridge::v1::Refusal;
use quinn::{ReadError, VarInt, WriteError};

use super::refusal::{code_of, refusal_of};

/// Why a stream did not finish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The other side of a link reset it, with this code.
    Reset(VarInt),
    /// The link broke.
    LinkLost,
    /// A TCP connection was reset or failed.
    Tcp,
    /// Its reader did not read for too long.
    Stalled,
    /// The bridge ends.
    Shutdown,
}

impl End {
    /// The code to reset what is left of the stream with.
    pub(crate) fn code(self) -> VarInt {
        match self {
            Self::Reset(code) => code,
            Self::LinkLost => code_of(Refusal::LinkLost),
            Self::Tcp => code_of(Refusal::Unspecified),
            Self::Stalled => code_of(Refusal::Limit),
            Self::Shutdown => code_of(Refusal::Draining),
        }
    }

    /// The refusal that this means to whoever opened the stream.
    pub(crate) fn refusal(self) -> Refusal {
        refusal_of(self.code())
    }
}

impl From<ReadError> for End {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Reset(code) => Self::Reset(code),
            ReadError::ConnectionLost(_)
            | ReadError::ClosedStream
            | ReadError::IllegalOrderedRead
            | ReadError::ZeroRttRejected => Self::LinkLost,
        }
    }
}

impl From<WriteError> for End {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Stopped(code) => Self::Reset(code),
            WriteError::ConnectionLost(_) | WriteError::ClosedStream | WriteError::ZeroRttRejected => {
                Self::LinkLost
            }
        }
    }
}
