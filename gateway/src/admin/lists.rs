//! The lists behind one lock, and those who must know of a change.

use std::{
    collections::BTreeSet,
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use identity::NodeId;
use tokio::sync::{oneshot, watch};

use super::AdminError;
use crate::{
    actor::{ActorHandle, Command},
    invitation::Ledger,
    link::{Admission, Trust},
    link_list::LinkList,
    link_url::LinkUrl,
    policy::{PolicyFile, RuleName, Verdict},
    settings::SettingsError,
    trust::{Source, TrustList},
    wall,
};

/// The lists of a bridge. Cheap to clone. Changes write files: they run where blocking is allowed.
#[derive(Debug, Clone)]
pub(crate) struct Lists {
    opened: Arc<Mutex<Opened>>,
    /// Until when some invitation is open, milliseconds since 1970: asked by the thread that carries streams, which
    /// must not wait for a lock that is held while files are written.
    open_until: Arc<AtomicI64>,
}

/// The lists themselves.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) trust: TrustList,
    pub(crate) links: LinkList,
    pub(crate) ledger: Ledger,
    pub(crate) policy: PolicyFile,
    trusted: watch::Sender<Arc<BTreeSet<NodeId>>>,
    actor: ActorHandle,
}

impl Lists {
    /// Reads the lists of a data directory; `links` and `trust` are options of this run.
    pub(crate) fn open(
        data: &Path,
        own: NodeId,
        links: &[LinkUrl],
        trust: &[NodeId],
        actor: ActorHandle,
    ) -> Result<(Self, Trust), SettingsError> {
        // Who names a bridge to be linked means to trust it.
        let options: Vec<NodeId> = trust.iter().copied().chain(links.iter().map(|url| url.id)).collect();
        let links = LinkList::load(data, own, links)?;
        let trust = TrustList::load(data, own, &options)?;
        let ledger = Ledger::load(data)?;
        let policy = PolicyFile::load(data)?;
        let (trusted, watched) = watch::channel(trust.ids());
        let open_until = Arc::new(AtomicI64::new(ledger.open_until()));
        let opened = Arc::new(Mutex::new(Opened { trust, links, ledger, policy, trusted, actor }));
        Ok((Self { opened, open_until }, watched))
    }

    pub(crate) fn look<T>(&self, look: impl FnOnce(&Opened) -> T) -> T {
        look(&self.lock())
    }

    /// Makes a change on a thread that may wait for the disk.
    pub(crate) async fn change<T, F>(&self, change: F) -> Result<T, AdminError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Opened) -> Result<T, AdminError> + Send + 'static,
    {
        let lists = self.clone();
        let done = tokio::task::spawn_blocking(move || {
            let mut opened = lists.lock();
            let outcome = change(&mut opened);
            lists.open_until.store(opened.ledger.open_until(), Ordering::Relaxed);
            outcome
        });
        done.await.map_err(|_| AdminError::Stopping)?
    }

    /// Lets a bridge in that shows the secret of an open invitation.
    pub(crate) async fn redeem(&self, by: NodeId, secret: Bytes) -> Result<(), AdminError> {
        self.change(move |lists| {
            lists.ledger.redeem(&secret, by, wall::now_ms())?;
            lists.add_trust(by, Source::Invitation).map(|_| ())
        })
        .await
    }

    /// Whether some invitation is open: else a stranger need not be heard.
    pub(crate) fn is_open(&self) -> bool {
        wall::now_ms() < self.open_until.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, Opened> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Opened {
    /// Whether the bridge is new on the list.
    pub(crate) fn add_trust(&mut self, id: NodeId, source: Source) -> Result<bool, AdminError> {
        let added = self.trust.add(id, source)?;
        if added {
            self.tell(id, true);
        }
        Ok(added)
    }

    /// Whether it was on the list. It is off it even when the file could not be written.
    pub(crate) fn remove_trust(&mut self, id: NodeId) -> Result<bool, AdminError> {
        let removed = self.trust.remove(id);
        if !matches!(removed, Ok(false)) {
            self.tell(id, false);
        }
        self.ledger.forget(id)?;
        Ok(removed?)
    }

    /// Changes a rule of the policy. Rings once that is in force; `None`: it was so already.
    pub(crate) fn change_policy(
        &mut self,
        rule: RuleName,
        node: Option<NodeId>,
        verdict: Verdict,
    ) -> Result<Option<oneshot::Receiver<()>>, AdminError> {
        let changed = self.policy.change(rule, node, verdict)?;
        Ok(changed.then(|| self.tell_policy()))
    }

    /// Lets everybody through again, likewise.
    pub(crate) fn clear_policy(&mut self) -> Result<Option<oneshot::Receiver<()>>, AdminError> {
        let changed = self.policy.clear()?;
        Ok(changed.then(|| self.tell_policy()))
    }

    fn tell_policy(&self) -> oneshot::Receiver<()> {
        let (done, in_force) = oneshot::channel();
        // A bridge that is stopping reads the file when it starts again.
        let _ = self.actor.blocking_tell(Command::Policy(self.policy.in_force(), done));
        in_force
    }

    fn tell(&self, bridge: NodeId, trusted: bool) {
        self.trusted.send_replace(self.trust.ids());
        // A bridge that is stopping has no log to write it to.
        let _ = self.actor.blocking_tell(Command::Trust { bridge, trusted });
    }
}

impl Admission for Lists {
    fn is_open(&self) -> bool {
        Self::is_open(self)
    }

    fn redeem(&self, bridge: NodeId, invitation: Bytes) -> BoxFuture<'_, bool> {
        Box::pin(async move {
            match Self::redeem(self, bridge, invitation).await {
                Ok(()) => {
                    tracing::info!(bridge = %bridge.short(), "an invited bridge joined");
                    true
                }
                Err(error) => {
                    tracing::warn!(bridge = %bridge.short(), %error, "an invitation was not accepted");
                    false
                }
            }
        })
    }
}
