//! What others in the process ask of the actor.

use std::net::SocketAddr;

use identity::{Announcement, Description, NodeId};
use proto::log::v1::LeftReason;
use tokio::sync::{mpsc, oneshot};
use topology::{Counts, Input, LinkView, NoRoute, OwnView, Policy, Route};

use super::Actor;
use crate::{
    keeper::{self, DiskUse},
    locals::NotTaken,
};

/// A verified registration.
#[derive(Debug)]
pub(crate) struct Registration {
    pub(crate) description: Description,
    pub(crate) announcement: Announcement,
    /// From where the peer called.
    pub(crate) from: SocketAddr,
}

/// A peer that sleeps, by the word of one that it names as its keeper.
#[derive(Debug)]
pub(crate) struct Sleeper {
    pub(crate) description: Description,
    pub(crate) announcement: Announcement,
    pub(crate) waker: NodeId,
}

/// A look at the actor's state.
#[derive(Debug)]
pub(crate) struct Look {
    pub(crate) own: Option<OwnView>,
    pub(crate) counts: Counts,
    pub(crate) links: Vec<LinkView>,
    pub(crate) local_peers: usize,
    pub(crate) disk: DiskUse,
    pub(crate) warnings: Vec<String>,
}

/// One request.
#[derive(Debug)]
pub(crate) enum Command {
    /// A peer registers or renews.
    Register(Box<Registration>, oneshot::Sender<Result<(), NotTaken>>),
    /// A registered peer leaves.
    Goodbye(NodeId, oneshot::Sender<()>),
    /// A peer of the network sleeps.
    Asleep(Box<Sleeper>, oneshot::Sender<Result<(), NotTaken>>),
    /// Whoever wakes a peer does not keep it any more.
    Forgotten(NodeId),
    /// The trust list changed.
    Trust {
        /// Whom it is about.
        bridge: NodeId,
        /// On the list now.
        trusted: bool,
    },
    /// The bridge's policy changed; answered once it is in force for what others may reach.
    Policy(Policy, oneshot::Sender<()>),
    /// The way to a peer.
    Route(NodeId, oneshot::Sender<Result<Route, NoRoute>>),
    /// How the bridge is.
    Look(oneshot::Sender<Box<Look>>),
    /// Begin to drain; answered once the neighbours have the event, or it takes too long.
    Drain {
        /// How long streams may go on.
        grace_ms: u32,
        /// Rings.
        told: oneshot::Sender<()>,
    },
    /// Say the last word; answered likewise, and the actor ends.
    Stop(oneshot::Sender<()>),
}

/// The actor is gone: the bridge is stopping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the bridge is stopping")]
pub(crate) struct Gone;

/// The way to the actor.
#[derive(Debug, Clone)]
pub(crate) struct ActorHandle(mpsc::Sender<Command>);

impl ActorHandle {
    pub(crate) const fn new(commands: mpsc::Sender<Command>) -> Self {
        Self(commands)
    }

    pub(crate) async fn register(&self, registration: Registration) -> Result<Result<(), NotTaken>, Gone> {
        self.ask(|reply| Command::Register(Box::new(registration), reply)).await
    }

    pub(crate) async fn asleep(&self, sleeper: Sleeper) -> Result<Result<(), NotTaken>, Gone> {
        self.ask(|reply| Command::Asleep(Box::new(sleeper), reply)).await
    }

    pub(crate) async fn goodbye(&self, id: NodeId) -> Result<(), Gone> {
        self.ask(|reply| Command::Goodbye(id, reply)).await
    }

    pub(crate) async fn route(&self, peer: NodeId) -> Result<Result<Route, NoRoute>, Gone> {
        self.ask(|reply| Command::Route(peer, reply)).await
    }

    pub(crate) async fn look(&self) -> Result<Box<Look>, Gone> {
        self.ask(Command::Look).await
    }

    pub(crate) async fn drain(&self, grace_ms: u32) -> Result<(), Gone> {
        self.ask(|told| Command::Drain { grace_ms, told }).await
    }

    pub(crate) async fn stop(&self) -> Result<(), Gone> {
        self.ask(Command::Stop).await
    }

    /// Without waiting for what comes of it.
    pub(crate) async fn tell(&self, command: Command) -> Result<(), Gone> {
        self.0.send(command).await.map_err(|_| Gone)
    }

    /// The same from a thread that may block.
    pub(crate) fn blocking_tell(&self, command: Command) -> Result<(), Gone> {
        self.0.blocking_send(command).map_err(|_| Gone)
    }

    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Result<T, Gone> {
        let (reply, answer) = oneshot::channel();
        self.tell(command(reply)).await?;
        answer.await.map_err(|_| Gone)
    }
}

impl Actor {
    /// What a command changed is in the table before it is answered: whoever registered and looks at once sees itself.
    /// Whoever asked may have gone meanwhile: answers are sent into the void then.
    pub(super) fn on_command(&mut self, command: Command) {
        match command {
            Command::Register(registration, reply) => {
                let outcome = self.on_register(*registration);
                self.publish();
                let _ = reply.send(outcome);
            }
            Command::Goodbye(id, reply) => {
                self.on_goodbye(id);
                self.publish();
                let _ = reply.send(());
            }
            Command::Asleep(sleeper, reply) => {
                let outcome = self.on_asleep(*sleeper);
                self.publish();
                let _ = reply.send(outcome);
            }
            Command::Forgotten(id) => self.peer_gone(id, LeftReason::Forgotten),
            Command::Trust { bridge, trusted } => self.input(Input::TrustChanged { bridge, trusted }),
            Command::Policy(policy, done) => {
                self.set_policy(policy);
                let _ = done.send(());
            }
            Command::Route(peer, reply) => {
                let _ = reply.send(self.core.route(&peer));
            }
            Command::Look(reply) => {
                let _ = reply.send(Box::new(self.look()));
            }
            Command::Drain { grace_ms, told } => self.on_drain(grace_ms, told),
            Command::Stop(told) => self.on_stop(told),
        }
    }

    fn set_policy(&mut self, policy: Policy) {
        self.table.set_policy(policy.clone());
        self.input(Input::PolicyChanged(policy));
    }

    fn look(&self) -> Look {
        let view = self.core.view();
        let mut warnings: Vec<String> = keeper::sentence(&self.health).into_iter().collect();
        warnings.extend(self.journal_ended.clone());
        warnings.extend(self.standing.iter().cloned());
        warnings.extend(self.unkept.borrow().iter().cloned());
        for warning in view.warnings() {
            if !warnings.contains(&warning) {
                warnings.push(warning);
            }
        }
        for warning in self.warnings.current(self.now().mono) {
            if !warnings.iter().any(|known| known == warning) {
                warnings.push(warning.to_owned());
            }
        }
        Look {
            own: view.own(),
            counts: self.core.counts(),
            links: view.links(),
            local_peers: self.locals.len(),
            disk: self.keeper.disk(),
            warnings,
        }
    }
}
