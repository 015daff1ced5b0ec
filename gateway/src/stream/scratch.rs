//! One read buffer for each thread instead of one for each connection: a connection that waits holds none.

use std::{
    cell::RefCell,
    io,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Bytes, BytesMut};
use tokio::net::tcp::ReadHalf;
use tokio_util::io::poll_read_buf;

/// A block that reads fill one after the other. At most this much is kept alive by one unacknowledged read.
const BLOCK_BYTES: usize = 128 * 1024;

/// A read gets at least this much room.
const ROOM_BYTES: usize = 32 * 1024;

/// What is not larger is copied, so that a short message does not keep a block alive.
const COPY_BYTES: usize = 4 * 1024;

thread_local! {
    static SCRATCH: RefCell<BytesMut> = RefCell::new(BytesMut::new());
}

/// Reads what is there. Empty: the other side has finished.
pub(super) fn poll_read(stream: &mut ReadHalf<'_>, context: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
    SCRATCH.with_borrow_mut(|buffer| {
        if buffer.capacity() < ROOM_BYTES {
            buffer.reserve(BLOCK_BYTES);
        }
        match poll_read_buf(Pin::new(stream), context, buffer) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Ready(Ok(read)) if read <= COPY_BYTES => {
                let bytes = Bytes::copy_from_slice(buffer);
                buffer.clear();
                Poll::Ready(Ok(bytes))
            }
            Poll::Ready(Ok(_)) => Poll::Ready(Ok(buffer.split().freeze())),
        }
    })
}
