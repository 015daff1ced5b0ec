//! Everything as it happens: who one is, the people, and messages that are new or in a new state.

use std::{collections::BTreeSet, time::Duration};

use conversation::Item;
use discovery::Announcer;
use proto::control::v1::{self as control, watch_event::Kind};
use tokio::{
    sync::{OwnedSemaphorePermit, mpsc, watch},
    time::{MissedTickBehavior, interval, sleep},
};
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::{
    ask,
    convert::inbox_item,
    people::{People, faces},
};
use crate::{
    command::{Command, Overview},
    limits::{NEWS_EVENTS, WATCH_PACE},
    reader::Reader,
};

/// Between two looks at what changes without a sign, such as round trips.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// One call that watches.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) reader: Reader,
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) announcer: Announcer,
    pub(super) pulse: watch::Receiver<u64>,
    pub(super) events: mpsc::Sender<Result<control::WatchEvent, Status>>,
    /// Everything up to here was told before; 0: only what is new is told.
    pub(super) after: u64,
    pub(super) token: CancellationToken,
    pub(super) _place: OwnedSemaphorePermit,
}

impl Watch {
    /// Runs until the caller is gone, or the peer stops.
    pub(super) async fn run(self) {
        let (token, events) = (self.token.clone(), self.events.clone());
        tokio::select! {
            biased;
            () = token.cancelled() => {
                // Whoever is gone has no use for it.
                let _ = events.try_send(Err(Status::unavailable("the peer is stopping")));
            }
            () = events.closed() => {}
            outcome = self.tell() => if let Err(status) = outcome {
                let _ = events.send(Err(status)).await;
            },
        }
    }

    async fn tell(mut self) -> Result<(), Status> {
        let mut changes = self.reader.changes();
        let head = *changes.borrow_and_update();
        let mut through = self.begin(head).await?;
        let (mut people, mut profile) = (People::default(), control::Profile::default());
        let mut looks = interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = changes.changed() => {}
                _ = self.pulse.changed() => {}
                _ = looks.tick() => {}
            }
            let overview = ask(&self.commands, |reply| Command::Overview { reply }).await?;
            let now = profile_of(&self.announcer, &overview);
            if now != profile {
                profile = now.clone();
                self.send(Kind::Profile(now)).await?;
            }
            let touched = self.tell_messages(&mut through, &overview).await?;
            let news = people.look(&overview, &self.reader, &touched).await?;
            if news.all || !news.people.is_empty() || !news.gone.is_empty() {
                self.send(Kind::People(news)).await?;
            }
            // What happens in quick succession goes together.
            sleep(WATCH_PACE).await;
        }
    }

    /// From where on things are told.
    async fn begin(&self, head: u64) -> Result<u64, Status> {
        let far = self.after > head || head - self.after > NEWS_EVENTS as u64;
        if self.after == 0 || far {
            let reload = self.after != 0;
            let news = control::MessageNews { through: head, reload, ..control::MessageNews::default() };
            self.send(Kind::Messages(news)).await?;
            return Ok(head);
        }
        Ok(self.after)
    }

    /// Tells what became durable; gives the positions of the messages that changed.
    async fn tell_messages(&self, through: &mut u64, overview: &Overview) -> Result<BTreeSet<u64>, Status> {
        let mut touched = BTreeSet::new();
        while *through < self.reader.head() {
            let news = self.reader.news(*through).await?;
            *through = news.through;
            touched.extend(news.items.iter().map(|item| item.position));
            if news.items.is_empty() && news.deleted.is_empty() {
                continue;
            }
            let faces = faces(overview);
            let messages = news.items.into_iter().map(|item: Item| inbox_item(item, &faces)).collect();
            let deleted = news.deleted.iter().map(|peer| peer.to_bytes()).collect();
            let news = control::MessageNews { messages, through: *through, reload: false, deleted };
            self.send(Kind::Messages(news)).await?;
        }
        Ok(touched)
    }

    async fn send(&self, kind: Kind) -> Result<(), Status> {
        let gone = |_| Status::cancelled("nobody watches any more");
        self.events.send(Ok(control::WatchEvent { kind: Some(kind) })).await.map_err(gone)
    }
}

/// Who one is, and what one should know.
pub(super) fn profile_of(announcer: &Announcer, overview: &Overview) -> control::Profile {
    control::Profile {
        node_id: announcer.id().to_bytes(),
        name: announcer.description().name().to_owned(),
        network: Some(announcer.network().to_proto()),
        warnings: overview.warnings.clone(),
        trouble: overview.trouble.clone().unwrap_or_default(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}
