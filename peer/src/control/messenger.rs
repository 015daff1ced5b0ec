//! `Messenger`: sending, reading, status.

use std::{sync::Arc, time::Duration};

use conversation::{Direction, Epoch, Item, ItemState};
use discovery::Announcer;
use identity::{NodeId, SafetyNumber};
use proto::control::v1::{self as control, messenger_server::Messenger};
use storage::Log;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use super::{ask, convert::inbox_item, inbox::Inbox};
use crate::{
    command::{Command, Sent, SessionView},
    limits::{INBOX_CHUNK, MAX_FOLLOWERS, MAX_WAIT},
    wall,
};

/// The service.
#[derive(Debug, Clone)]
pub(crate) struct MessengerControl {
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) log: Log,
    pub(crate) head: watch::Receiver<u64>,
    pub(crate) announcer: Announcer,
    pub(crate) group: runtime::TaskGroup,
    pub(crate) listening: Arc<[String]>,
    pub(crate) started_ms: u64,
    readers: Arc<Semaphore>,
}

impl MessengerControl {
    pub(crate) fn new(
        commands: mpsc::Sender<Command>,
        (log, head): (Log, watch::Receiver<u64>),
        announcer: Announcer,
        group: runtime::TaskGroup,
        listening: Arc<[String]>,
    ) -> Self {
        let (started_ms, readers) = (wall::now_ms(), Arc::new(Semaphore::new(MAX_FOLLOWERS)));
        Self { commands, log, head, announcer, group, listening, started_ms, readers }
    }

    async fn resolve(&self, peer: String) -> Result<NodeId, Status> {
        Ok(ask(&self.commands, |reply| Command::Resolve { peer, reply }).await??)
    }

    /// The message as it is after waiting for its delivery.
    async fn wait(&self, sent: Sent, text: String, wait: Duration) -> Result<control::InboxItem, Status> {
        let mut item = Item {
            id: sent.id,
            position: 0,
            direction: Direction::Out,
            text: Some(text),
            unknown_content: 0,
            sent_at_ms: sent.sent_at_ms,
            state: ItemState::Queued,
            state_at_ms: sent.sent_at_ms,
            via: Vec::new(),
        };
        if !wait.is_zero() {
            let delivered = ask(&self.commands, |reply| Command::AwaitDelivery { id: sent.id, reply });
            if let Ok(Ok(outcome)) = tokio::time::timeout(wait.min(MAX_WAIT), delivered).await {
                (item.id, item.state) = match outcome {
                    Some(id) => (id, ItemState::AtPeer),
                    None => (sent.id, ItemState::Refused("the peer will not take it".to_owned())),
                };
                item.state_at_ms = wall::now_ms();
            }
        }
        let peers = vec![sent.id.sender, sent.id.recipient];
        let faces = ask(&self.commands, |reply| Command::Faces { peers, reply }).await?;
        if item.state == ItemState::AtPeer {
            item.via = faces.get(&sent.id.recipient).map(|face| face.via.clone()).unwrap_or_default();
        }
        Ok(inbox_item(item, &faces))
    }
}

#[tonic::async_trait]
impl Messenger for MessengerControl {
    type InboxStream = ReceiverStream<Result<control::InboxItem, Status>>;

    async fn status(
        &self,
        _: Request<control::MessengerStatusRequest>,
    ) -> Result<Response<control::MessengerStatusResponse>, Status> {
        let overview = ask(&self.commands, |reply| Command::Overview { reply }).await?;
        let online = overview.snapshot.neighbours.values();
        let online = online.filter(|node| node.kind() == proto::node::v1::NodeKind::Peer).count();
        Ok(Response::new(control::MessengerStatusResponse {
            node_id: self.announcer.id().to_bytes(),
            name: self.announcer.description().name().to_owned(),
            network: Some(self.announcer.network().to_proto()),
            started_at: wall::rfc3339(self.started_ms),
            homes: self.announcer.homes().iter().map(|home| home.to_bytes()).collect(),
            peers_online: u32::try_from(online).unwrap_or(u32::MAX),
            sessions: overview.sessions.iter().map(session_status).collect(),
            queued: overview.totals.queued as u64,
            received: overview.totals.received,
            sent: overview.totals.sent,
            warnings: overview.warnings,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            listening: self.listening.to_vec(),
        }))
    }

    async fn send(
        &self,
        request: Request<control::SendRequest>,
    ) -> Result<Response<control::SendResponse>, Status> {
        let control::SendRequest { to, text, wait_ms } = request.into_inner();
        let copy = text.clone();
        let sent = ask(&self.commands, |reply| Command::Send { to, text: copy, reply }).await??;
        let message = self.wait(sent, text, Duration::from_millis(wait_ms.into())).await?;
        Ok(Response::new(control::SendResponse { message: Some(message) }))
    }

    async fn inbox(
        &self,
        request: Request<control::InboxRequest>,
    ) -> Result<Response<Self::InboxStream>, Status> {
        let control::InboxRequest { peer, follow, last } = request.into_inner();
        let peer = if peer.is_empty() { None } else { Some(self.resolve(peer).await?) };
        let place = Arc::clone(&self.readers).try_acquire_owned();
        let place = place.map_err(|_| Status::resource_exhausted("too many readers of the inbox at once"))?;
        let (items, receiver) = mpsc::channel(INBOX_CHUNK);
        let inbox = Inbox {
            log: self.log.clone(),
            head: self.head.clone(),
            commands: self.commands.clone(),
            items,
            peer,
            last: usize::try_from(last).unwrap_or(usize::MAX),
            follow,
            token: self.group.token().clone(),
            _place: place,
        };
        self.group.spawn(tracing::debug_span!("inbox"), inbox.run());
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    async fn mark_read(
        &self,
        request: Request<control::MarkReadRequest>,
    ) -> Result<Response<control::MarkReadResponse>, Status> {
        let control::MarkReadRequest { peer, epoch, through } = request.into_inner();
        let through = through_of(&epoch, through)?;
        let marked = ask(&self.commands, |reply| Command::MarkRead { peer, through, reply }).await??;
        Ok(Response::new(control::MarkReadResponse { marked }))
    }

    async fn typing(
        &self,
        request: Request<control::TypingRequest>,
    ) -> Result<Response<control::TypingResponse>, Status> {
        let control::TypingRequest { to, active } = request.into_inner();
        ask(&self.commands, |reply| Command::Typing { to, active, reply }).await??;
        Ok(Response::new(control::TypingResponse {}))
    }

    async fn safety_number(
        &self,
        request: Request<control::SafetyNumberRequest>,
    ) -> Result<Response<control::SafetyNumberResponse>, Status> {
        let peer = self.resolve(request.into_inner().peer).await?;
        let number = SafetyNumber::of(self.announcer.id(), peer);
        let mut faces = ask(&self.commands, |reply| Command::Faces { peers: vec![peer], reply }).await?;
        Ok(Response::new(control::SafetyNumberResponse {
            node_id: peer.to_bytes(),
            name: faces.remove(&peer).map(|face| face.name).unwrap_or_default(),
            digits: number.to_string(),
            code: number.as_bytes().to_vec().into(),
        }))
    }
}

/// Up to which message is to be marked; `None` stands for all.
fn through_of(epoch: &[u8], through: u64) -> Result<Option<(Epoch, u64)>, Status> {
    if epoch.is_empty() {
        return Ok(None);
    }
    let wrong = || Status::invalid_argument("an epoch has 16 bytes; take it from the message");
    Epoch::parse(epoch).map(|epoch| Some((epoch, through))).ok_or_else(wrong)
}

fn session_status(session: &SessionView) -> control::SessionStatus {
    control::SessionStatus {
        node_id: session.peer.to_bytes(),
        name: session.name.clone(),
        via: session.path.hops().iter().map(|hop| hop.to_bytes()).collect(),
        round_trip_us: session.round_trip_us,
        since: wall::rfc3339(session.since_ms),
        key_exchange: session.key_exchange.clone(),
        skew_ms: session.skew_ms,
        typing: session.typing,
    }
}
