//! Many messages at once, over the control socket of a running peer.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use proto::control::v1::{SendRequest, messenger_client::MessengerClient};
use tokio::{task::JoinSet, time::interval};
use tonic::{Code, transport::Channel};

use super::{
    Node,
    talk::{messenger_of, on_this_thread},
};

/// Sends under way at once: what waits is made durable together.
const AT_ONCE: usize = 512;
/// After this a full outbox may have room again.
const PAUSE: Duration = Duration::from_millis(5);

impl Node {
    /// Sends as many at once as are taken, in whatever order; all are stored on return.
    pub(crate) fn pour(&self, to: &str, texts: impl IntoIterator<Item = String>) {
        on_this_thread(async {
            let messenger = messenger_of(self.data()).await;
            let mut sending = JoinSet::new();
            for text in texts {
                send_when_there_is_room(&mut sending, &messenger, to, text).await;
            }
            sending.join_all().await;
        });
    }
}

/// A peer that sends without an end. Dropped, it stops.
#[derive(Debug)]
pub(crate) struct Flood {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<Flooded>>,
}

/// What a flood was.
#[derive(Debug)]
pub(crate) struct Flooded {
    pub(crate) sent: usize,
    pub(crate) time: Duration,
}

impl Flood {
    /// Sends so many a second, or as many as are taken.
    pub(crate) fn start(from: &Node, to: &str, rate: u32) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let (data, to, until) = (from.data().to_owned(), to.to_owned(), Arc::clone(&over));
        let thread = thread::spawn(move || {
            on_this_thread(async {
                let messenger = messenger_of(&data).await;
                let (mut sending, mut sent, began) = (JoinSet::new(), 0, Instant::now());
                let mut ticks = interval(Duration::from_secs(1) / rate);
                while !until.load(Ordering::Acquire) {
                    ticks.tick().await;
                    let text = format!("flood {sent}");
                    send_when_there_is_room(&mut sending, &messenger, &to, text).await;
                    sent += 1;
                }
                sending.join_all().await;
                Flooded { sent, time: began.elapsed() }
            })
        });
        Self { over, thread: Some(thread) }
    }

    /// Whether it still goes on.
    pub(crate) fn is_running(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    /// Ends it; what was sent is stored by then.
    pub(crate) fn stop(mut self) -> Flooded {
        self.over.store(true, Ordering::Release);
        let thread = self.thread.take().expect("it is stopped once");
        thread.join().expect("everything was stored")
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn send_when_there_is_room(
    sending: &mut JoinSet<()>,
    messenger: &MessengerClient<Channel>,
    to: &str,
    text: String,
) {
    if sending.len() >= AT_ONCE {
        sending.join_next().await.expect("there are some").expect("it is stored");
    }
    let request = SendRequest { to: to.to_owned(), text, ..SendRequest::default() };
    let mut messenger = messenger.clone();
    sending.spawn(async move {
        while let Err(status) = messenger.send(request.clone()).await {
            assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
            tokio::time::sleep(PAUSE).await;
        }
    });
}
