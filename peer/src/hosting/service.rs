//! `Claims`: what dispatchers ask on the secure port.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Instant,
};

use bytes::Bytes;
use discovery::Announcer;
use identity::NodeId;
use proto::claim::v1::{
    ClaimRequest, ClaimResponse, HolderRequest, HolderResponse,
    claims_server::{Claims, ClaimsServer},
};
use tokio::sync::mpsc;
use tonic::{Request, Response, Status};

use super::{Arbiter, arbiter::ClaimError};
use crate::{
    chat::caller,
    command::Command,
    control::ask,
    limits::{MAX_CONTROL_BYTES, MAX_USER_BYTES},
};

/// The service.
#[derive(Debug, Clone)]
pub(crate) struct ClaimService {
    pub(crate) arbiter: Arbiter,
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) idleness: Idleness,
    pub(crate) announcer: Announcer,
    pub(crate) page: Option<SocketAddr>,
}

/// How long nobody has looked. Clones count together.
#[derive(Debug, Clone)]
pub(crate) struct Idleness(Arc<Seen>);

#[derive(Debug)]
struct Seen {
    began: Instant,
    pages: AtomicU32,
    /// When somebody looked last, milliseconds after `began`.
    last_ms: AtomicU64,
}

/// A page that is open, until dropped.
#[derive(Debug)]
pub(crate) struct OpenPage(Idleness);

impl Idleness {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Seen { began: Instant::now(), pages: AtomicU32::new(0), last_ms: AtomicU64::new(0) }))
    }

    /// Somebody looks now.
    pub(crate) fn touch(&self) {
        self.0.last_ms.store(self.now_ms(), Ordering::Relaxed);
    }

    /// Somebody begins to look.
    pub(crate) fn open(&self) -> OpenPage {
        self.0.pages.fetch_add(1, Ordering::Relaxed);
        OpenPage(self.clone())
    }

    fn pages(&self) -> u32 {
        self.0.pages.load(Ordering::Relaxed)
    }

    fn idle_ms(&self) -> u64 {
        let since = self.now_ms().saturating_sub(self.0.last_ms.load(Ordering::Relaxed));
        if self.pages() > 0 { 0 } else { since }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.0.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

impl Drop for OpenPage {
    fn drop(&mut self) {
        self.0.touch();
        self.0.0.pages.fetch_sub(1, Ordering::Relaxed);
    }
}

impl ClaimService {
    pub(crate) fn server(self) -> ClaimsServer<Self> {
        runtime::compressed!(ClaimsServer::new(self)).max_decoding_message_size(MAX_CONTROL_BYTES)
    }

    fn admit<T>(&self, request: &Request<T>) -> Result<NodeId, Status> {
        let caller = caller(request)?;
        if self.arbiter.obeys(&caller) {
            return Ok(caller);
        }
        let why = format!("this peer was not started to obey {}", caller.short());
        Err(Status::permission_denied(why))
    }
}

#[tonic::async_trait]
impl Claims for ClaimService {
    async fn claim(&self, request: Request<ClaimRequest>) -> Result<Response<ClaimResponse>, Status> {
        let dispatcher = self.admit(&request)?;
        let ClaimRequest { claim_id, user } = request.into_inner();
        let claim = <[u8; 16]>::try_from(&claim_id[..])
            .map_err(|_| Status::invalid_argument("a claim id has 16 bytes"))?;
        if user.is_empty() || user.len() > MAX_USER_BYTES || !user.bytes().all(|byte| byte.is_ascii_graphic())
        {
            return Err(Status::invalid_argument("a user is 1 to 64 bytes of visible ASCII"));
        }
        let arbiter = self.arbiter.clone();
        let claimed = tokio::task::spawn_blocking(move || arbiter.claim(&claim, &user, Instant::now())).await;
        let lease = match claimed.map_err(|error| Status::internal(error.to_string()))? {
            Ok(lease) => lease,
            Err(error @ ClaimError::Taken) => return Err(Status::already_exists(error.to_string())),
            Err(error @ ClaimError::Store(_)) => return Err(Status::resource_exhausted(error.to_string())),
        };
        self.idleness.touch();
        tracing::info!(dispatcher = %dispatcher.short(), "claimed");
        Ok(Response::new(ClaimResponse { lease_ms: u64::try_from(lease.as_millis()).unwrap_or(u64::MAX) }))
    }

    async fn holder(&self, request: Request<HolderRequest>) -> Result<Response<HolderResponse>, Status> {
        self.admit(&request)?;
        let overview = ask(&self.commands, |reply| Command::Overview { reply }).await?;
        let holder = self.arbiter.holder();
        let (description, announcement) = self.announcer.records();
        Ok(Response::new(HolderResponse {
            claim_id: holder.as_ref().map_or_else(Bytes::new, |it| Bytes::copy_from_slice(&it.claim)),
            redeemed: holder.as_ref().is_some_and(|it| it.redeemed),
            user: holder.map_or_else(String::new, |it| it.user),
            pages: self.idleness.pages(),
            queued: overview.totals.queued as u64,
            idle_ms: self.idleness.idle_ms(),
            description: Some(description.signed().clone()),
            announcement: Some(announcement.signed().clone()),
            page: self.page.map(|page| page.to_string()).unwrap_or_default(),
            resident_kib: runtime::resident_kib(std::process::id()),
        }))
    }
}
