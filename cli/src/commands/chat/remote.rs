//! The peer over its local control: followed as long as it runs, asked for what the screen needs.

use std::{path::PathBuf, time::Duration};

use anyhow::Context as _;
use proto::control::v1::{
    MessageNews, WatchRequest, messenger_client::MessengerClient, watch_event::Kind as News,
};
use runtime::{Backoff, TaskGroup};
use tokio::sync::{mpsc, watch};
use tonic::transport::Channel;

use super::{calls, effect::Effect, event::Event};
use crate::{client::Client, data::Kind, exit};

/// Between two tries to reach a peer that went away.
const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// What a peer is asked with.
pub(super) type Messenger = MessengerClient<Channel>;

/// One peer, by its data directory, whether it runs at present or not.
pub(super) struct Remote {
    data: PathBuf,
    reached: watch::Sender<Option<Messenger>>,
}

impl Remote {
    /// Nobody is asked yet.
    pub(super) fn new(data: PathBuf) -> Self {
        Self { data, reached: watch::Sender::new(None) }
    }

    /// Tells all that happens from now on, and goes on when the peer comes back.
    pub(super) fn follow(&self, group: &TaskGroup, events: mpsc::Sender<Event>) {
        let following =
            Following { data: self.data.clone(), reached: self.reached.clone(), events, after: None };
        let token = group.token().clone();
        group.spawn(tracing::debug_span!("following"), async move {
            tokio::select! {
                biased;
                () = token.cancelled() => {}
                () = following.run() => {}
            }
        });
    }

    /// Has something done; the answer is an event.
    pub(super) fn perform(&self, group: &TaskGroup, effect: Effect, events: mpsc::Sender<Event>) {
        let messenger = self.reached.borrow().clone();
        let token = group.token().clone();
        group.spawn(tracing::debug_span!("asking"), async move {
            // What was begun goes on for a moment: a message that was just entered is stored, or not, but not forgotten.
            let asked = calls::perform(messenger, effect);
            if let Some(answer) = asked.await
                && !token.is_cancelled()
            {
                let _ = events.send(Event::Answer(answer)).await;
            }
        });
    }
}

/// The task that follows a peer.
struct Following {
    data: PathBuf,
    reached: watch::Sender<Option<Messenger>>,
    events: mpsc::Sender<Event>,
    /// Up to where the history was told; `None` before the first time.
    after: Option<u64>,
}

impl Following {
    async fn run(mut self) {
        let mut backoff = Backoff::new(RETRY.0, RETRY.1);
        loop {
            let before = self.after;
            let why = match self.follow_once().await {
                Ok(()) => "it ended".to_owned(),
                Err(error) => exit::sentence(&error),
            };
            self.reached.send_replace(None);
            if self.events.send(Event::Down(why)).await.is_err() {
                return;
            }
            if self.after != before {
                backoff.reset();
            }
            tokio::time::sleep(backoff.next()).await;
        }
    }

    /// Follows one connection until it breaks.
    async fn follow_once(&mut self) -> anyhow::Result<()> {
        let client = Client::connect(Some(&self.data), Some(Kind::Peer)).await?;
        let mut messenger = client.messenger();
        let request = WatchRequest { after: self.after.unwrap_or_default() };
        let mut told = messenger.watch(request).await?.into_inner();
        let mut first = true;
        while let Some(event) = told.message().await? {
            if std::mem::take(&mut first) {
                // From the first word on nothing is missed, so that one may ask for the rest.
                self.reached.send_replace(Some(messenger.clone()));
                self.tell(Event::Up).await?;
                if self.after == Some(0) {
                    // The history was empty: nothing says what came into it meanwhile.
                    let anew = MessageNews { reload: true, ..MessageNews::default() };
                    self.tell(Event::News(News::Messages(anew))).await?;
                }
            }
            let Some(news) = event.kind else { continue };
            if let News::Messages(messages) = &news {
                self.after = Some(messages.through);
            }
            self.tell(Event::News(news)).await?;
        }
        Ok(())
    }

    async fn tell(&self, event: Event) -> anyhow::Result<()> {
        self.events.send(event).await.ok().context("nobody listens any more")
    }
}
