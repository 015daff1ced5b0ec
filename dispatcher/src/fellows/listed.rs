//! Consul as the catalog: kept peers register their pages there, with a tag as long as they are nobody's.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use discovery::consul::{
    Client, ConsulError, ConsulSettings, Follower,
    catalog::{ListedPage, PAGES},
};
use identity::NodeId;
use rand::seq::SliceRandom as _;
use runtime::{Backoff, TaskGroup};
use tokio::{sync::watch, time::sleep};

use super::Catalog;
use crate::{
    ledger::now_s,
    limits::{ASK_CONSUL_AGAIN, MARK_LASTS},
};

/// Keys that say who is about to claim which peer: `FOLDER/ID`, with `DISPATCHER SECONDS` as the value.
const FOLDER: &str = "causeway/claims";

/// Follows the pages by blocking queries.
#[derive(Debug)]
pub(crate) struct Listed {
    client: Client,
    me: NodeId,
    network: String,
    pages: watch::Receiver<Arc<[ListedPage]>>,
    marks: Marks,
}

/// The marks of this dispatcher, and when they were made, in seconds since the Unix epoch.
type Marks = Arc<Mutex<BTreeMap<NodeId, u64>>>;

impl Listed {
    /// Follows until the group ends.
    pub(crate) fn spawn(me: NodeId, network: &str, consul: ConsulSettings, group: &TaskGroup) -> Self {
        let (known, pages) = watch::channel(Arc::from([]));
        let client = Client::new(consul);
        let marks = Marks::default();
        let (following, end) = (follow(client.clone(), known, Arc::clone(&marks)), group.token().clone());
        group.spawn(tracing::info_span!("catalog"), async move {
            end.run_until_cancelled(following).await;
        });
        Self { client, me, network: network.to_owned(), pages, marks }
    }

    async fn try_mark(&self, peer: NodeId) -> Result<bool, ConsulError> {
        let (path, now) = (key(peer), now_s());
        let before = self.client.value(&path).await?;
        let is_free = before.as_ref().is_none_or(|mark| match read(&mark.value) {
            Some((by, since)) => by == self.me || now.saturating_sub(since) >= MARK_LASTS.as_secs(),
            None => true,
        });
        if !is_free {
            return Ok(false);
        }
        let value = format!("{} {now}", self.me);
        let marked = self.client.set(&path, value, Some(before.map_or(0, |mark| mark.index))).await?;
        if marked {
            self.marks.lock().unwrap_or_else(PoisonError::into_inner).insert(peer, now);
        }
        Ok(marked)
    }
}

#[tonic::async_trait]
impl Catalog for Listed {
    async fn vacant(&self) -> Vec<NodeId> {
        let pages = self.pages.borrow().clone();
        let vacant = pages.iter().filter(|page| page.vacant && page.network == self.network);
        let mut vacant: Vec<_> = vacant.map(|page| page.id).collect();
        vacant.shuffle(&mut rand::rng());
        vacant
    }

    async fn find(&self, peer: NodeId) -> Option<SocketAddr> {
        self.pages.borrow().iter().find(|page| page.id == peer).map(|page| page.secure)
    }

    fn is_there(&self, peer: NodeId) -> bool {
        self.pages.borrow().iter().any(|page| page.id == peer)
    }

    /// Without Consul's word the peer is tried: it decides anyway.
    async fn mark(&self, peer: NodeId) -> bool {
        self.try_mark(peer).await.unwrap_or_else(|error| {
            tracing::debug!(%error, "a claim could not be marked");
            true
        })
    }
}

/// Runs for ever. While Consul is away, what was known last counts: peers are asked anyway.
async fn follow(client: Client, known: watch::Sender<Arc<[ListedPage]>>, marks: Marks) {
    let mut follower = Follower::new(client.clone(), PAGES, None);
    let mut again = Backoff::new(ASK_CONSUL_AGAIN.0, ASK_CONSUL_AGAIN.1);
    let mut is_away = false;
    loop {
        match follower.next().await {
            Ok(found) => {
                (is_away, again) = (false, Backoff::new(ASK_CONSUL_AGAIN.0, ASK_CONSUL_AGAIN.1));
                known.send_replace(found.iter().filter_map(ListedPage::read).collect());
                remove_old(&client, &marks).await;
            }
            Err(error) => {
                if !std::mem::replace(&mut is_away, true) {
                    tracing::warn!(%error, "the catalog of peers cannot be read; it is tried again");
                }
                sleep(again.next()).await;
            }
        }
    }
}

/// Takes away marks that count no more, so that they do not pile up.
async fn remove_old(client: &Client, marks: &Marks) {
    let old: Vec<_> = {
        let mut marks = marks.lock().unwrap_or_else(PoisonError::into_inner);
        let before = now_s().saturating_sub(Duration::as_secs(&MARK_LASTS));
        marks.extract_if(.., |_, since| *since <= before).map(|(peer, _)| peer).collect()
    };
    for peer in old {
        // One that stays counts no more all the same.
        let _ = client.remove(&key(peer), None).await;
    }
}

fn key(peer: NodeId) -> String {
    format!("{FOLDER}/{peer}")
}

fn read(value: &[u8]) -> Option<(NodeId, u64)> {
    let (by, since) = std::str::from_utf8(value).ok()?.split_once(' ')?;
    Some((by.parse().ok()?, since.parse().ok()?))
}
