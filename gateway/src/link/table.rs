//! Which links are up and which are wanted: one table behind one lock, never held across a wait.

mod live;
mod wanted;

use std::{
    collections::BTreeMap,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use identity::NodeId;
use proto::{bridge::v1::Refusal, link::v1::Close};
use quinn::SendStream;
use runtime::TaskGroup;
use tokio::{
    sync::{mpsc, watch},
    time::{sleep, timeout},
};

use super::{
    Admission, Introduction, LinkEvent, LinkParts, LinkStatus, LinkStream, SendError, StreamSender, Trust,
    close::close, half::Halves, limits::StreamLimits,
};
use crate::{
    endpoint::{LinkEndpoint, Windows},
    stream::{Credit, FRESH_WAIT, Metrics, StreamHeader, code_of, frame_header},
};
pub(super) use live::{Admitted, Live};
pub(super) use wanted::{Readiness, Wanted};

/// Two links of the same pair that came up within this time were dialled by both sides at once. A later one from the
/// other side means that it has lost the one we hold: nobody dials a link that is up.
const CROSSED: Duration = Duration::from_secs(3);

/// What all tasks of the links share.
pub(super) struct Shared {
    pub(super) group: TaskGroup,
    pub(super) endpoint: LinkEndpoint,
    pub(super) introduction: watch::Sender<Introduction>,
    pub(super) trust: Trust,
    pub(super) admission: Arc<dyn Admission>,
    pub(super) events: mpsc::Sender<LinkEvent>,
    pub(super) streams: StreamSender,
    pub(super) metrics: Metrics,
    pub(super) limits: StreamLimits,
    pub(super) halves: Halves,
    /// Changes whenever a link comes or goes, or the trust list does.
    pub(super) changed: watch::Sender<u64>,
    windows: Windows,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    connections: u64,
    live: BTreeMap<NodeId, Live>,
    wanted: BTreeMap<NodeId, Wanted>,
}

impl Shared {
    pub(super) fn new(group: TaskGroup, parts: LinkParts) -> Self {
        Self {
            group,
            endpoint: parts.endpoint,
            introduction: watch::Sender::new(parts.introduction),
            trust: parts.trust,
            admission: parts.admission,
            events: parts.events,
            streams: parts.streams,
            metrics: parts.metrics,
            limits: parts.limits,
            halves: Halves::default(),
            changed: watch::Sender::new(0),
            windows: Windows::new(parts.window_bytes),
            state: Mutex::default(),
        }
    }

    pub(super) fn own(&self) -> NodeId {
        self.endpoint.id()
    }

    pub(super) fn is_trusted(&self, bridge: NodeId) -> bool {
        self.trust.borrow().contains(&bridge)
    }

    pub(super) fn is_up(&self, bridge: NodeId) -> bool {
        self.state().live.get(&bridge).is_some_and(Live::is_open)
    }

    /// Takes a link whose both connections are up into the table, or says why not. Trust is checked under the lock: a
    /// removal that comes later finds the link in the table.
    pub(super) fn admit(&self, bridge: NodeId, live: impl FnOnce(u64) -> Live) -> Result<Admitted, Close> {
        let mut state = self.state();
        if !self.is_trusted(bridge) {
            return Err(Close::NotTrusted);
        }
        state.connections += 1;
        let live = live(state.connections);
        if state.live.get(&bridge).is_some_and(|old| !live.takes_over(old, self.own())) {
            return Err(Close::Replaced);
        }
        let mut admitted = live.admitted();
        if let Some(old) = state.live.insert(bridge, live) {
            old.close(Close::Replaced, "a newer link took over");
            admitted.previous = Some(old.told);
        }
        self.share_windows(&state);
        drop(state);
        self.bump();
        Ok(admitted)
    }

    /// Forgets a link that is down.
    pub(super) fn forget(&self, bridge: NodeId, connection: u64) {
        let mut state = self.state();
        if state.live.get(&bridge).is_some_and(|live| live.connection == connection)
            && let Some(gone) = state.live.remove(&bridge)
            && let Some(wanted) = state.wanted.get_mut(&bridge)
        {
            wanted.last_seen(gone.introduction);
        }
        self.share_windows(&state);
        drop(state);
        self.bump();
    }

    pub(super) fn send(&self, bridge: NodeId, connection: u64, frame: Bytes) -> Result<(), SendError> {
        let state = self.state();
        let live = state.live.get(&bridge).filter(|live| live.connection == connection);
        let sent = live.ok_or(SendError::Down)?.frames.push(frame);
        if sent == Err(SendError::Busy) {
            self.metrics.frames_busy.inc();
        }
        sent
    }

    pub(super) fn close(&self, bridge: NodeId, connection: u64, reason: &str) {
        if let Some(live) = self.state().live.get(&bridge).filter(|live| live.connection == connection) {
            live.close(Close::Protocol, reason);
        }
    }

    pub(super) async fn open_stream(
        &self,
        bridge: NodeId,
        header: StreamHeader,
        first: Bytes,
    ) -> Result<LinkStream, Refusal> {
        let (connection, credit, permit) = {
            let state = self.state();
            let live = state.live.get(&bridge).filter(|live| live.is_open()).ok_or(Refusal::NoRoute)?;
            let permit = live.outgoing.acquire(bridge).ok_or(Refusal::Limit)?;
            (live.streams.clone(), Arc::clone(&live.credit), permit)
        };
        let opened =
            timeout(self.limits.open_stream, connection.open_bi()).await.map_err(|_| Refusal::Limit)?;
        let (mut send, recv) = opened.map_err(|_| Refusal::LinkLost)?;
        match timeout(self.limits.open_stream, begin(&mut send, &credit, [frame_header(header), first])).await
        {
            Ok(Ok(())) => Ok(LinkStream { send, recv, credit, permit }),
            Ok(Err(quinn::WriteError::ConnectionLost(_))) => Err(Refusal::LinkLost),
            // Stopped already: the reason is on the other direction, where the relay finds it.
            Ok(Err(_)) => Ok(LinkStream { send, recv, credit, permit }),
            Err(_) => {
                // Else dropping it would look like an orderly end. It cannot be closed already.
                let _ = send.reset(code_of(Refusal::Limit));
                Err(Refusal::Limit)
            }
        }
    }

    pub(super) fn statuses(&self) -> Vec<LinkStatus> {
        let state = self.state();
        let waiting = state.wanted.iter().filter(|(id, _)| !state.live.contains_key(id));
        let mut statuses: Vec<_> = waiting.map(|(id, wanted)| wanted.status(*id)).collect();
        statuses.extend(state.live.iter().map(|(id, live)| live.status(*id, state.wanted.get(id))));
        statuses.sort_by_key(|status| status.bridge);
        statuses
    }

    /// Closes links whose bridges are not trusted any more.
    fn cut_off_strangers(&self) {
        let state = self.state();
        let trust = self.trust.borrow();
        for (bridge, live) in state.live.iter().filter(|(bridge, _)| !trust.contains(bridge)) {
            tracing::info!(bridge = %bridge.short(), "closing a link that is not trusted any more");
            live.close(Close::NotTrusted, "the link is not trusted any more");
        }
    }

    fn share_windows(&self, state: &State) {
        let share = self.windows.share(state.live.len());
        for live in state.live.values() {
            live.resize(share);
        }
    }

    fn bump(&self) {
        self.changed.send_modify(|generation| *generation += 1);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Follows the trust list: what is removed is cut off, what is added may be dialled.
pub(super) async fn watch_trust(shared: Arc<Shared>) {
    let mut trust = shared.trust.clone();
    loop {
        tokio::select! {
            biased;
            () = shared.group.cancelled() => return,
            changed = trust.changed() => if changed.is_err() { return },
        }
        trust.mark_unchanged();
        shared.cut_off_strangers();
        shared.bump();
    }
}

/// Writes the first bytes of a stream. While they wait for credit, those who hold it are asked for it.
async fn begin(
    send: &mut SendStream,
    credit: &Credit,
    mut chunks: [Bytes; 2],
) -> Result<(), quinn::WriteError> {
    let id = send.id();
    let mut write = pin!(send.write_all_chunks(&mut chunks));
    let ask = async {
        sleep(FRESH_WAIT).await;
        credit.ask_once(id).await;
    };
    tokio::select! {
        biased;
        written = &mut write => return written,
        () = ask => {}
    }
    write.await
}

/// Closes both connections of a link that never came into the table.
pub(super) fn turn_away(connections: [&quinn::Connection; 2], code: Close) {
    let sentence = match code {
        Close::NotTrusted => "you are not on the trust list",
        Close::Replaced => "a link between us is up already",
        Close::Unspecified | Close::Shutdown | Close::Protocol | Close::Limit => "refused",
    };
    for connection in connections {
        close(connection, code, sentence);
    }
}
