//! Frames of the gossip: a bounded queue outwards, a bounded reader inwards.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;
use quinn::{RecvStream, SendStream};
use tokio::sync::mpsc;

use super::{
    LinkEvent, SendError,
    limits::{FRAME_QUEUE, FRAME_QUEUE_BYTES, MAX_FRAME_BYTES},
    wire::{WireError, length_of, read_message},
};
use identity::NodeId;

/// Frames written at once.
const BATCH: usize = 32;

/// Where frames for a link wait.
#[derive(Debug)]
pub(super) struct FrameQueue {
    sender: mpsc::Sender<Bytes>,
    bytes: Arc<AtomicUsize>,
}

/// The link's end of the queue.
#[derive(Debug)]
pub(super) struct FrameSource {
    receiver: mpsc::Receiver<Bytes>,
    bytes: Arc<AtomicUsize>,
}

/// A queue with bounds on frames and bytes.
pub(super) fn frame_queue() -> (FrameQueue, FrameSource) {
    let (sender, receiver) = mpsc::channel(FRAME_QUEUE);
    let bytes = Arc::new(AtomicUsize::new(0));
    (FrameQueue { sender, bytes: Arc::clone(&bytes) }, FrameSource { receiver, bytes })
}

impl FrameQueue {
    pub(super) fn push(&self, frame: Bytes) -> Result<(), SendError> {
        let length = frame.len();
        if self.bytes.fetch_add(length, Ordering::Relaxed) + length > FRAME_QUEUE_BYTES {
            self.bytes.fetch_sub(length, Ordering::Relaxed);
            return Err(SendError::Busy);
        }
        self.sender.try_send(frame).map_err(|refused| {
            self.bytes.fetch_sub(length, Ordering::Relaxed);
            match refused {
                mpsc::error::TrySendError::Full(_) => SendError::Busy,
                mpsc::error::TrySendError::Closed(_) => SendError::Down,
            }
        })
    }
}

/// Writes queued frames until the stream breaks or the link is forgotten.
pub(super) async fn write_frames(source: &mut FrameSource, stream: &mut SendStream) {
    let mut frames = Vec::with_capacity(BATCH);
    while source.receiver.recv_many(&mut frames, BATCH).await > 0 {
        let bytes = frames.iter().map(Bytes::len).sum();
        let mut chunks: Vec<_> = frames.drain(..).flat_map(|frame| [length_of(&frame), frame]).collect();
        if stream.write_all_chunks(&mut chunks).await.is_err() {
            return;
        }
        source.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// Hands on frames until one is not what it should be. While nobody takes them nothing is read.
pub(super) async fn read_frames(
    stream: &mut RecvStream,
    (bridge, connection): (NodeId, u64),
    events: &mpsc::Sender<LinkEvent>,
) -> WireError {
    loop {
        let frame = match read_message(stream, MAX_FRAME_BYTES).await {
            Ok(frame) => frame,
            Err(error) => return error,
        };
        if events.send(LinkEvent::Frame { bridge, connection, frame }).await.is_err() {
            // Nobody listens any more: the process ends.
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_says_so_and_counts_bytes_as_well_as_frames() {
        let (queue, mut source) = frame_queue();
        let frame = Bytes::from(vec![0; MAX_FRAME_BYTES]);
        for _ in 0..FRAME_QUEUE_BYTES / MAX_FRAME_BYTES {
            queue.push(frame.clone()).unwrap();
        }
        assert_eq!(queue.push(Bytes::from_static(b"x")), Err(SendError::Busy));
        assert_eq!(source.receiver.try_recv().unwrap().len(), MAX_FRAME_BYTES);
        drop(source);
        let (queue, source) = frame_queue();
        for _ in 0..FRAME_QUEUE {
            queue.push(Bytes::new()).unwrap();
        }
        assert_eq!(queue.push(Bytes::new()), Err(SendError::Busy));
        drop(source);
        assert_eq!(queue.push(Bytes::new()), Err(SendError::Down));
    }

    /// A burst of small frames once counted as a link that does not keep up, and the link was closed.
    #[test]
    fn small_frames_are_bounded_by_their_bytes() {
        let (queue, _source) = frame_queue();
        let frame = Bytes::from_static(&[0; 64]);
        for n in 0..FRAME_QUEUE_BYTES / frame.len() {
            queue.push(frame.clone()).unwrap_or_else(|refused| panic!("frame {n}: {refused}"));
        }
        assert_eq!(queue.push(frame), Err(SendError::Busy));
    }
}
