//! Peers that end: to sleep, to be started anew, or for good; and what an operator does to one.

use std::time::Instant;

use tonic::Status;

use super::{
    Act, Keeper, Phase,
    refusals::{cannot_write, refused},
};
use crate::limits::REMOVE_LEFT_AFTER;

impl Keeper {
    pub(super) async fn on_stopped(&mut self, number: u64, outcome: Result<(), String>) {
        if let Err(why) = outcome {
            self.metrics.failures.inc();
            tracing::warn!(number, why, "a peer could not be stopped");
            self.trouble.insert(number, why);
        }
        self.phases.remove(&number);
        let kept = self.ledger.register().kept(number);
        // One that is to sleep sleeps, unless somebody came meanwhile.
        if kept.is_some_and(|kept| !kept.asleep) || self.is_wanted(number) {
            // Written down, or the next run of this dispatcher would put it to sleep under the person's hands.
            if let Err(error) = self.wake(number).await {
                self.refuse(number, &cannot_write(&error));
            }
        }
    }

    pub(super) fn on_removed(&mut self, number: u64, outcome: Result<(), String>) {
        self.phases.remove(&number);
        self.trouble.remove(&number);
        self.refuse(number, &refused("your peer was removed"));
        if let Err(why) = outcome {
            self.metrics.failures.inc();
            tracing::warn!(number, why, "a peer could not be removed; that is tried again");
            self.left.insert(number, Instant::now() + REMOVE_LEFT_AFTER);
        }
    }

    pub(super) async fn handle_act(&mut self, peer: &str, act: Act) -> Result<(), Status> {
        let number = self.find(peer)?;
        if self.is_adopted(number) && act != Act::Wake {
            return Err(Status::invalid_argument("another dispatcher keeps this peer; ask that one"));
        }
        match act {
            Act::Wake => {
                self.trouble.remove(&number);
                let woken = self.wake(number).await;
                woken.map_err(|error| Status::resource_exhausted(error.to_string()))
            }
            Act::Stop if self.ledger.register().kept(number).is_some_and(|kept| kept.holder.is_none()) => {
                Err(Status::invalid_argument(
                    "this peer is nobody's, and ready for whoever comes; delete it instead",
                ))
            }
            Act::Stop if matches!(self.phases.get(&number), Some(Phase::Running(..))) => {
                self.put_to_sleep(number).await;
                Ok(())
            }
            Act::Stop => Err(Status::unavailable("this peer does not run")),
            Act::Delete if self.delete(number, "an operator removed it").await => Ok(()),
            Act::Delete => Err(Status::resource_exhausted("that could not be written down; check the disk")),
        }
    }

    fn find(&self, peer: &str) -> Result<u64, Status> {
        let register = self.ledger.register();
        if let Ok(number) = peer.parse()
            && register.kept(number).is_some()
        {
            return Ok(number);
        }
        // Nothing, as of a script's variable that is not set, is no beginning.
        let begins = |id: Option<identity::NodeId>| {
            id.is_some_and(|id| !peer.is_empty() && id.to_string().starts_with(peer))
        };
        let found: Vec<_> = register.iter().filter(|(_, kept)| begins(kept.node)).collect();
        match found[..] {
            [(number, _)] => Ok(number),
            [] => Err(Status::not_found(format!("no kept peer is called {peer}"))),
            _ => Err(Status::failed_precondition(format!(
                "more than one id begins with {peer}; write more of it"
            ))),
        }
    }
}
