//! Keeps a service registered, whatever happens to the agent meanwhile.

use std::{net::IpAddr, time::Duration};

use rand::RngExt as _;
use runtime::Backoff;
use tokio::{sync::watch, time::sleep, time::timeout};
use tokio_util::sync::CancellationToken;

use super::{Check, Client, ConsulError, Service};
use crate::limits::{CONSUL_GOODBYE_TIMEOUT, CONSUL_REPORT_EVERY, CONSUL_RETRY};

/// Keeps one service of this node in the catalog: registers it, says that it is well, registers it anew when the agent
/// has forgotten it, and takes it out in the end. While the agent is away it is tried on, and that is said once.
#[derive(Debug)]
pub struct Keeping<F, T> {
    client: Client,
    service: F,
    changes: watch::Receiver<T>,
    backoff: Backoff,
    /// What was said last of an agent that does not do what it is asked.
    trouble: Option<String>,
    /// Something may be registered under this id.
    registered: Option<String>,
}

/// Why a registration is not held any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// This node ends, or the service does.
    Left,
    /// To be registered again: it changed, or the agent lost it.
    Again,
}

impl<F, T> Keeping<F, T>
where
    F: Fn(IpAddr) -> Result<Service, String> + Send,
    T: Send + Sync,
{
    /// The service is made when it is registered, and again whenever `changes` rings. It is told this node's own address
    /// on the way to the agent, and may say in a sentence why it cannot be registered; its id stays the same.
    pub const fn new(client: Client, service: F, changes: watch::Receiver<T>) -> Self {
        let backoff = Backoff::new(CONSUL_RETRY.0, CONSUL_RETRY.1);
        Self { client, service, changes, backoff, trouble: None, registered: None }
    }

    /// Runs until cancelled, and takes the service out then.
    pub async fn run(mut self, token: &CancellationToken) {
        token.run_until_cancelled(self.keep()).await;
        if let Some(id) = &self.registered {
            let removed = timeout(CONSUL_GOODBYE_TIMEOUT, self.client.deregister(id)).await;
            if !matches!(removed, Ok(Ok(()))) {
                tracing::debug!(id, ?removed, "Consul finds out by itself that this service is gone");
            }
        }
    }

    async fn keep(&mut self) {
        loop {
            self.changes.mark_unchanged();
            let pause = match self.register().await {
                Ok(service) => {
                    self.on_registered(&service);
                    if self.hold(&service).await == End::Left {
                        return;
                    }
                    Duration::ZERO
                }
                Err(why) => {
                    self.on_trouble(why);
                    self.backoff.next()
                }
            };
            tokio::select! {
                () = sleep(pause) => {}
                Ok(()) = self.changes.changed() => {}
            }
        }
    }

    async fn register(&mut self) -> Result<Service, String> {
        let told = |error: ConsulError| error.to_string();
        let from = self.client.own_address().await.map_err(told)?;
        let service = (self.service)(from)?;
        self.registered = Some(service.id.clone());
        self.client.register(&service).await.map_err(told)?;
        Ok(service)
    }

    /// Until it changes or is not there any more.
    async fn hold(&mut self, service: &Service) -> End {
        loop {
            let pause = CONSUL_REPORT_EVERY.mul_f64(rand::rng().random_range(0.9..1.0));
            tokio::select! {
                changed = self.changes.changed() => return if changed.is_ok() { End::Again } else { End::Left },
                () = sleep(pause) => {}
            }
            let is_there = match service.check {
                Check::Ttl => self.client.report(service, Ok(())).await.map(|()| true),
                Check::Http(_) => self.client.has(&service.id).await,
            };
            match is_there {
                Ok(true) => self.backoff.reset(),
                Ok(false) => return End::Again,
                Err(error) => {
                    tracing::debug!(id = service.id, %error, "Consul lost this service, or is away");
                    return End::Again;
                }
            }
        }
    }

    fn on_registered(&mut self, service: &Service) {
        if self.trouble.take().is_some() {
            tracing::info!(id = service.id, "registered with Consul again");
        } else {
            tracing::debug!(id = service.id, "registered with Consul");
        }
    }

    /// Said once, until it works again or something else is wrong.
    fn on_trouble(&mut self, why: String) {
        if self.trouble.is_none() {
            tracing::warn!(why, "not registered with Consul; trying on");
        } else if self.trouble.as_ref() != Some(&why) {
            tracing::debug!(why, "not registered with Consul");
        }
        self.trouble = Some(why);
    }
}
