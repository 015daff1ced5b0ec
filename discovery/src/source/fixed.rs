//! Fixed addresses: greeting ports that a person gave.

use tokio::time::sleep;

use super::{Heard, Outlet, Report, Source};
use crate::{
    KnownAddress, SourceKind, Target,
    greeting::{Greeted, greet_any},
    limits::{BRIDGE_RETRY, FIXED_EVERY},
};

/// Greets one address again and again; each answer renews the lease of the node there.
#[derive(Debug)]
pub struct Fixed {
    target: Target,
}

impl Fixed {
    /// The greeting port of a node of this network.
    pub const fn new(target: Target) -> Self {
        Self { target }
    }

    async fn greet(&self, outlet: &Outlet) -> Result<Greeted, String> {
        let addresses = self.target.resolve().await.map_err(|error| error.to_string())?;
        let greeted = greet_any(&addresses, self.target.id(), outlet.announcer()).await;
        greeted.map_err(|error| error.to_string())
    }
}

impl Source for Fixed {
    fn name(&self) -> &'static str {
        "fixed"
    }

    async fn run(self, outlet: Outlet) {
        let mut backoff = runtime::Backoff::new(BRIDGE_RETRY.0, BRIDGE_RETRY.1);
        let mut answering = true;
        loop {
            let outcome = tokio::select! {
                biased;
                () = outlet.token().cancelled() => return,
                outcome = self.greet(&outlet) => outcome,
            };
            let pause = match outcome {
                Ok(greeted) => {
                    answering = true;
                    backoff.reset();
                    report(&outlet, greeted).await;
                    FIXED_EVERY
                }
                Err(error) => {
                    // Said once, until it answers again.
                    if std::mem::take(&mut answering) {
                        tracing::warn!(target = %self.target, %error, "this address does not answer; trying on");
                    }
                    backoff.next()
                }
            };
            tokio::select! {
                biased;
                () = outlet.token().cancelled() => return,
                () = sleep(pause) => {}
            }
        }
    }
}

async fn report(outlet: &Outlet, greeted: Greeted) {
    let Some(announcement) = greeted.announcement else { return };
    let address = KnownAddress::of(greeted.address, SourceKind::Fixed);
    let description = Some(greeted.description);
    outlet.report(Report::Heard(Heard { announcement, description, address })).await;
}
