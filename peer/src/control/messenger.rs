//! `Messenger`: sending, reading, status.

mod answers;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use conversation::{Decision, Words, limits::MAX_ONCE_BYTES};
use discovery::Announcer;
use identity::{NodeId, SafetyNumber};
use proto::{
    bridge::v1::{OpenPageRequest, OpenPageResponse},
    control::v1::{self as control, messenger_server::Messenger},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use self::answers::{bounded, session_status, through_of};
use super::{
    ask,
    inbox::Inbox,
    people::People,
    watch::{Watch, profile_of},
};
use crate::{
    command::Command,
    limits::{
        FOUND_MOST, FOUND_USUAL, INBOX_CHUNK, MAX_FOLLOWERS, MESSAGES_MOST, MESSAGES_USUAL, WATCH_QUEUE,
    },
    naming::Naming,
    page::PageLinks,
    reader::{Part, Reader},
    wall,
};

/// The service.
#[derive(Debug, Clone)]
pub(crate) struct MessengerControl {
    commands: mpsc::Sender<Command>,
    reader: Reader,
    pulse: watch::Receiver<u64>,
    announcer: Announcer,
    naming: Arc<Naming>,
    group: runtime::TaskGroup,
    listening: Arc<[String]>,
    /// None: the page is switched off.
    links: Option<PageLinks>,
    started_ms: u64,
    readers: Arc<Semaphore>,
}

/// What the service asks and tells of.
#[derive(Debug)]
pub(crate) struct MessengerParts {
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) reader: Reader,
    pub(crate) pulse: watch::Receiver<u64>,
    pub(crate) announcer: Announcer,
    pub(crate) naming: Arc<Naming>,
    pub(crate) group: runtime::TaskGroup,
    pub(crate) listening: Arc<[String]>,
    pub(crate) links: Option<PageLinks>,
}

impl MessengerControl {
    pub(crate) fn new(parts: MessengerParts) -> Self {
        Self {
            commands: parts.commands,
            reader: parts.reader,
            pulse: parts.pulse,
            announcer: parts.announcer,
            naming: parts.naming,
            group: parts.group,
            listening: parts.listening,
            links: parts.links,
            started_ms: wall::now_ms(),
            readers: Arc::new(Semaphore::new(MAX_FOLLOWERS)),
        }
    }

    async fn resolve(&self, peer: String) -> Result<NodeId, Status> {
        Ok(ask(&self.commands, |reply| Command::Resolve { peer, reply }).await??)
    }

    /// Who one is, and what one should know.
    pub(crate) async fn profile(&self) -> Result<control::Profile, Status> {
        let overview = ask(&self.commands, |reply| Command::Overview { reply }).await?;
        Ok(profile_of(&self.announcer, &overview))
    }

    /// A place for a call that goes on.
    fn place(&self) -> Result<OwnedSemaphorePermit, Status> {
        let place = Arc::clone(&self.readers).try_acquire_owned();
        place.map_err(|_| Status::resource_exhausted("too many follow this peer at once; end one of them"))
    }
}

#[tonic::async_trait]
impl Messenger for MessengerControl {
    type WatchStream = ReceiverStream<Result<control::WatchEvent, Status>>;
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
        let control::SendRequest { to, text, wait_ms, once } = request.into_inner();
        if once.len() > MAX_ONCE_BYTES {
            return Err(Status::invalid_argument(format!("`once` has at most {MAX_ONCE_BYTES} bytes")));
        }
        let copy = text.clone();
        let sent = ask(&self.commands, |reply| Command::Send { to, text: copy, once, reply }).await??;
        let message = self.wait(sent, text, Duration::from_millis(wait_ms.into())).await?;
        Ok(Response::new(control::SendResponse { message: Some(message) }))
    }

    async fn inbox(
        &self,
        request: Request<control::InboxRequest>,
    ) -> Result<Response<Self::InboxStream>, Status> {
        let control::InboxRequest { peer, follow, last } = request.into_inner();
        let peer = if peer.is_empty() { None } else { Some(self.resolve(peer).await?) };
        let place = self.place()?;
        let (items, receiver) = mpsc::channel(INBOX_CHUNK);
        let inbox = Inbox {
            reader: self.reader.clone(),
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

    async fn people(
        &self,
        _: Request<control::PeopleRequest>,
    ) -> Result<Response<control::PeopleResponse>, Status> {
        let overview = ask(&self.commands, |reply| Command::Overview { reply }).await?;
        let news = People::default().look(&overview, &self.reader, &BTreeSet::new()).await?;
        Ok(Response::new(control::PeopleResponse { people: news.people }))
    }

    async fn messages(
        &self,
        request: Request<control::MessagesRequest>,
    ) -> Result<Response<control::MessagesResponse>, Status> {
        let control::MessagesRequest { peer, before, after, limit, unread } = request.into_inner();
        let peer = self.resolve(peer).await?;
        let after = if unread { self.before_unread(peer).await?.unwrap_or(after) } else { after };
        let part = Part { before, after, limit: bounded(limit, MESSAGES_USUAL, MESSAGES_MOST) };
        let found = self.reader.messages(peer, part).await?;
        let (older, newer) = (found.older, found.newer);
        let messages = self.with_faces(found.items).await?;
        Ok(Response::new(control::MessagesResponse { messages, older, newer }))
    }

    async fn search(
        &self,
        request: Request<control::SearchRequest>,
    ) -> Result<Response<control::SearchResponse>, Status> {
        let control::SearchRequest { text, peer, before, limit } = request.into_inner();
        let words = Words::parse(&text).map_err(|error| Status::invalid_argument(error.to_string()))?;
        let peer = if peer.is_empty() { None } else { Some(self.resolve(peer).await?) };
        let limit = bounded(limit, FOUND_USUAL, FOUND_MOST);
        let found = self.reader.search(words, peer, before, limit).await?;
        let messages = self.with_faces(found.items).await?;
        Ok(Response::new(control::SearchResponse { messages, next: found.next }))
    }

    async fn watch(
        &self,
        request: Request<control::WatchRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let place = self.place()?;
        let (events, receiver) = mpsc::channel(WATCH_QUEUE);
        let watch = Watch {
            reader: self.reader.clone(),
            commands: self.commands.clone(),
            announcer: self.announcer.clone(),
            pulse: self.pulse.clone(),
            events,
            after: request.into_inner().after,
            token: self.group.token().clone(),
            _place: place,
        };
        self.group.spawn(tracing::debug_span!("watch"), watch.run());
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    async fn set_verified(
        &self,
        request: Request<control::SetVerifiedRequest>,
    ) -> Result<Response<control::SetVerifiedResponse>, Status> {
        let control::SetVerifiedRequest { peer, verified } = request.into_inner();
        let peer = self.decide(peer, Decision::Verified(verified)).await?;
        Ok(Response::new(control::SetVerifiedResponse { node_id: peer.to_bytes() }))
    }

    async fn set_blocked(
        &self,
        request: Request<control::SetBlockedRequest>,
    ) -> Result<Response<control::SetBlockedResponse>, Status> {
        let control::SetBlockedRequest { peer, blocked } = request.into_inner();
        let peer = self.decide(peer, Decision::Blocked(blocked)).await?;
        Ok(Response::new(control::SetBlockedResponse { node_id: peer.to_bytes() }))
    }

    async fn delete_conversation(
        &self,
        request: Request<control::DeleteConversationRequest>,
    ) -> Result<Response<control::DeleteConversationResponse>, Status> {
        let peer = self.resolve(request.into_inner().peer).await?;
        let messages = self.reader.last(Some(peer), usize::MAX).await?.len() as u64;
        let overview = ask(&self.commands, |reply| Command::Overview { reply }).await?;
        let waiting = overview.known.iter().find(|view| view.id == peer).map_or(0, |view| view.queued as u64);
        self.decide(peer.to_string(), Decision::DeleteConversation).await?;
        Ok(Response::new(control::DeleteConversationResponse { node_id: peer.to_bytes(), messages, waiting }))
    }

    async fn rename(
        &self,
        request: Request<control::RenameRequest>,
    ) -> Result<Response<control::RenameResponse>, Status> {
        let (naming, name) = (Arc::clone(&self.naming), request.into_inner().name);
        let renamed = tokio::task::spawn_blocking(move || naming.rename(&name)).await;
        let changed = renamed.map_err(|error| Status::internal(error.to_string()))??;
        Ok(Response::new(control::RenameResponse { changed }))
    }

    async fn open_page(&self, _: Request<OpenPageRequest>) -> Result<Response<OpenPageResponse>, Status> {
        let off = "the page of this peer is switched off (`--ui off`); start it without that, or use `causeway chat`";
        let links = self.links.as_ref().ok_or_else(|| Status::failed_precondition(off))?;
        Ok(Response::new(links.link()))
    }
}
