//! Messages with their length before them.

use bytes::{Bytes, BytesMut};
use quinn::{ReadExactError, RecvStream};

/// Why no message could be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WireError {
    /// Longer than allowed: the sender does not keep to the protocol.
    #[error("a message of {length} bytes where at most {allowed} are allowed")]
    TooLong { length: usize, allowed: usize },
    /// The stream ended in the middle of a message or where one was due.
    #[error("the stream ended where a message was due")]
    Ended,
    /// The stream or its connection broke.
    #[error(transparent)]
    Broken(#[from] quinn::ReadError),
}

/// Reads one message. Not to be dropped half-way: what was read would be lost.
pub(crate) async fn read_message(stream: &mut RecvStream, allowed: usize) -> Result<Bytes, WireError> {
    let mut length = [0; 4];
    read_exact(stream, &mut length).await?;
    let length = u32::from_be_bytes(length) as usize;
    if length > allowed {
        return Err(WireError::TooLong { length, allowed });
    }
    let mut message = BytesMut::zeroed(length);
    read_exact(stream, &mut message).await?;
    Ok(message.freeze())
}

/// The length that goes before a message.
pub(crate) fn length_of(message: &[u8]) -> Bytes {
    let length = u32::try_from(message.len()).expect("messages are bounded far below 4 GiB");
    Bytes::copy_from_slice(&length.to_be_bytes())
}

async fn read_exact(stream: &mut RecvStream, buffer: &mut [u8]) -> Result<(), WireError> {
    stream.read_exact(buffer).await.map_err(|error| match error {
        ReadExactError::FinishedEarly(_) => WireError::Ended,
        ReadExactError::ReadError(error) => WireError::Broken(error),
    })
}
