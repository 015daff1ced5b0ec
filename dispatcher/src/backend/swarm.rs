//! Peers as services of a Docker swarm, each with a volume. They live on when the dispatcher ends, and are found again by
//! their labels.
//!
//! All of them run on the machine of the engine that is asked: a volume is of one machine, and a peer that were started on
//! another one would have lost its identity. What happens to their containers is learnt from Docker's events.

mod containers;
mod engine;
mod greeting;
mod service;
mod trouble;

use std::{collections::BTreeSet, net::IpAddr, sync::Arc};

use discovery::Announcer;
use identity::NodeId;
use runtime::{Backoff, TaskGroup};
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout, timeout_at},
};

pub(crate) use self::containers::Id as ContainerId;
use self::{
    containers::{Seen, follow},
    engine::Engine,
    greeting::Greeter,
    service::Shape,
};
use super::{Backend, Instance, Running};
use crate::{
    config::SwarmConfig,
    limits::{AWAY_TIMEOUT, REMOVE_AGAIN, REMOVE_TIMEOUT, START_TIMEOUT, STOP_TIMEOUT, TASK_LOOK_EVERY},
};

/// Runs peers as services.
#[derive(Debug)]
pub(crate) struct Swarm {
    engine: Engine,
    shape: Shape,
    greeter: Greeter,
    seen: watch::Sender<Seen>,
}

impl Swarm {
    /// Listens to Docker from now on, and goes on trying while it is away. `arguments` is what every peer is told.
    pub(crate) fn spawn(
        config: &SwarmConfig,
        announcer: Announcer,
        arguments: Vec<String>,
        group: &TaskGroup,
    ) -> Arc<Self> {
        let swarm = Arc::new(Self {
            engine: Engine::default(),
            shape: Shape {
                owner: announcer.id(),
                image: config.image.clone(),
                overlay: config.overlay.clone(),
                arguments,
            },
            greeter: Greeter(announcer),
            seen: watch::Sender::default(),
        });
        let (following, end) = (Arc::clone(&swarm), group.clone());
        group.spawn(tracing::info_span!("docker"), async move {
            tokio::select! {
                () = end.cancelled() => {}
                () = follow(&following.engine, following.shape.owner, &following.seen) => {}
            }
        });
        swarm
    }
}

#[tonic::async_trait]
impl Backend for Swarm {
    fn obstacle(&self) -> Option<String> {
        let seen = self.seen.borrow();
        (!seen.heard).then(|| seen.why.clone())
    }

    async fn start(&self, number: u64, known: Option<NodeId>) -> Result<Running, String> {
        let end = Instant::now() + START_TIMEOUT;
        self.heard().await?;
        let name = self.shape.name(number);
        let refused = self.engine.refusals(&name).await?;
        self.engine.scale_up(&self.shape, number).await?;
        let started = async {
            tokio::select! {
                running = self.ready(number, known) => running,
                why = self.new_refusal(&name, refused.keys().cloned().collect()) => Err(why),
            }
        };
        match timeout_at(end, started).await {
            Ok(outcome) => outcome,
            Err(_) => Err(self.engine.last_words(&name).await),
        }
    }

    async fn stop(&self, number: u64) -> Result<(), String> {
        self.heard().await?;
        self.engine.scale_down(&self.shape, number).await?;
        self.ended(number).await
    }

    async fn remove(&self, number: u64) -> Result<(), String> {
        self.heard().await?;
        if !self.engine.delete(&self.shape, number).await? {
            return Ok(());
        }
        self.ended(number).await?;
        // Docker takes the ended containers away by and by, and the volume cannot go before.
        let (end, mut again) =
            (Instant::now() + REMOVE_TIMEOUT, Backoff::new(REMOVE_AGAIN.0, REMOVE_AGAIN.1));
        loop {
            match self.engine.remove_volume(&self.shape.name(number)).await {
                Err(_) if Instant::now() < end => sleep(again.next()).await,
                outcome => return outcome,
            }
        }
    }

    async fn numbers(&self) -> Result<Vec<u64>, String> {
        self.heard().await?;
        self.engine.numbers(self.shape.owner).await
    }

    fn is_alive(&self, number: u64, running: &Running) -> bool {
        let Instance::Container(container) = running.instance else { return false };
        let seen = self.seen.borrow();
        // Of an engine that is away nothing is known.
        !seen.heard || seen.running.get(&number) == Some(&container)
    }
}

impl Swarm {
    /// Waits until Docker answers and it is known what runs.
    async fn heard(&self) -> Result<(), String> {
        let mut seen = self.seen.subscribe();
        let heard = timeout(AWAY_TIMEOUT, seen.wait_for(|seen| seen.heard)).await.is_ok();
        if heard { Ok(()) } else { Err(self.seen.borrow().why.clone()) }
    }

    /// Waits until a container of the peer runs and answers; one that ends is followed by the next one.
    async fn ready(&self, number: u64, known: Option<NodeId>) -> Result<Running, String> {
        let mut seen = self.seen.subscribe();
        loop {
            let found = seen.wait_for(|seen| seen.running.contains_key(&number)).await;
            let Some(container) = found.ok().and_then(|seen| seen.running.get(&number).copied()) else {
                return Err("this dispatcher is stopping".into());
            };
            let is_other = |seen: &Seen| seen.running.get(&number) != Some(&container);
            let mut watched = self.seen.subscribe();
            tokio::select! {
                _ = watched.wait_for(is_other) => {}
                running = self.greeted(container, known) => return running,
            }
        }
    }

    async fn greeted(&self, container: ContainerId, known: Option<NodeId>) -> Result<Running, String> {
        let ip: IpAddr = self.engine.address(container, &self.shape.overlay).await?;
        let (node, secure) = self.greeter.greet(ip, known).await?;
        let page = (ip, service::PAGE_PORT).into();
        Ok(Running { node, secure, page, instance: Instance::Container(container) })
    }

    /// Resolves once Docker cannot start a container of the service, which it tells by no event.
    async fn new_refusal(&self, service: &str, known: BTreeSet<String>) -> String {
        loop {
            sleep(TASK_LOOK_EVERY).await;
            let refusals = self.engine.refusals(service).await.unwrap_or_default();
            if let Some((_, why)) = refusals.into_iter().find(|(task, _)| !known.contains(task)) {
                return why;
            }
        }
    }

    /// Waits until no container of the peer runs. Docker kills one that takes too long.
    async fn ended(&self, number: u64) -> Result<(), String> {
        let mut seen = self.seen.subscribe();
        let ended = seen.wait_for(|seen| seen.heard && !seen.running.contains_key(&number));
        // One time-out for its end in good order, and one for Docker's work around it.
        match timeout(STOP_TIMEOUT * 2, ended).await {
            Ok(_) => Ok(()),
            Err(_) => Err("Docker did not end its container in time".into()),
        }
    }
}
