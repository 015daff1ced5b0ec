//! Peers of fellows, given out here; and peers of this dispatcher that a fellow gave out.

use std::time::Instant;

use identity::NodeId;
use proto::{
    claim::v1::HolderResponse,
    hosting::v1::{Adopted, Claimed, Gone, Redeemed, Released, event::Kind},
};
use tokio::sync::oneshot;

use super::{
    Absent, Done, Entry, Keeper, Look, Phase,
    refusals::{OUT_OF_REACH, cannot_write, refused},
};
use crate::{
    backend::Running,
    claims::{self, NotClaimed},
    cookie::Person,
    fellows::Reached,
    ledger::now_s,
    limits::TRY_TAKEN_AFTER,
    register::Holder,
};

/// Why a vacant peer is removed.
const MORE_THAN_WANTED: &str = "more are ready than are wanted";
/// Who claims a peer that is about to be removed.
const NOBODY: &str = "nobody";

impl Keeper {
    /// Looks for vacant peers of fellows, for those who wait while none of ours is ready.
    pub(super) fn look_around(&mut self) {
        if self.fellows.is_empty() || self.line.len() == 0 || self.looking_around {
            return;
        }
        (self.looking_around, self.in_vain) = (true, false);
        let fellows = self.fellows.clone();
        self.report(async move { Done::Vacant(fellows.vacant().await) });
    }

    pub(super) async fn on_vacant(&mut self, found: Vec<NodeId>) {
        self.looking_around = false;
        self.adopt_some(found).await;
        self.in_vain = self.line.len() > 0;
    }

    async fn adopt_some(&mut self, found: Vec<NodeId>) {
        self.taken.retain(|_, since| since.elapsed() < TRY_TAKEN_AFTER);
        for node in found {
            if self.ledger.register().of_node(&node).is_some() || self.taken.contains_key(&node) {
                continue;
            }
            if !self.fellows.mark(node).await {
                self.taken.insert(node, Instant::now());
                continue;
            }
            let Some((user, reply)) = self.line.next() else { return };
            let number = match self.adopt(node).await {
                Ok(number) => number,
                Err(entry) => {
                    let _ = reply.send(entry);
                    return;
                }
            };
            self.give(number, user, reply).await;
        }
    }

    async fn adopt(&mut self, node: NodeId) -> Result<u64, Entry> {
        let number = self.ledger.register().next();
        let adopted = Kind::Adopted(Adopted { node_id: node.to_bytes() });
        self.ledger.write(number, adopted).await.map_err(|error| cannot_write(&error))?;
        Ok(number)
    }

    /// A person whom another dispatcher gave a peer: it is asked whether that is so.
    pub(super) fn recognise(&mut self, person: Person, peer: NodeId, reply: oneshot::Sender<Entry>) {
        let waiting = self.recognising.entry(person.user.clone()).or_default();
        waiting.push(reply);
        if waiting.len() > 1 {
            return;
        }
        let fellows = self.fellows.clone();
        self.report(async move { Done::Recognised(person.user, fellows.reach(peer).await) });
    }

    pub(super) async fn on_recognised(&mut self, user: String, outcome: Result<Reached, String>) {
        let replies = self.recognising.remove(&user).unwrap_or_default();
        let (running, holder) = match outcome {
            Ok(reached) => reached,
            Err(why) => {
                tracing::warn!(why, "the peer of somebody, kept by a fellow, cannot be reached");
                let entry = refused(OUT_OF_REACH);
                replies.into_iter().for_each(|reply| drop(reply.send(entry.clone())));
                return;
            }
        };
        let is_theirs = holder.user == user && holder.claim_id.len() == 16;
        if !is_theirs || self.ledger.register().of_node(&running.node).is_some() {
            for reply in replies {
                self.line.push(user.clone(), reply, Instant::now());
            }
            return self.serve_line().await;
        }
        match self.take_in(running, &holder).await {
            Ok(number) => {
                self.park(number, replies);
                self.go_on(number).await;
            }
            Err(entry) => replies.into_iter().for_each(|reply| drop(reply.send(entry.clone()))),
        }
    }

    async fn take_in(&mut self, running: Running, holder: &HolderResponse) -> Result<u64, Entry> {
        let number = self.adopt(running.node).await?;
        self.write_holder(number, holder).await.map_err(|error| cannot_write(&error))?;
        self.phases.insert(number, Phase::Running(running, Look::at(Instant::now())));
        Ok(number)
    }

    /// Whose a peer is by its own word.
    async fn write_holder(
        &mut self,
        number: u64,
        holder: &HolderResponse,
    ) -> Result<(), storage::AppendError> {
        let claimed = Claimed { claim_id: holder.claim_id.clone(), user: holder.user.clone() };
        self.ledger.write(number, Kind::Claimed(claimed)).await?;
        if holder.redeemed {
            self.ledger.write(number, Kind::Redeemed(Redeemed {})).await?;
        }
        Ok(())
    }

    /// A peer of ours was claimed through a fellow: it is asked whose it is, and kept for that person like any other.
    pub(super) async fn lend(&mut self, number: u64, user: String) {
        let parked = self.unpark(number);
        let released = self.ledger.write(number, Kind::Released(Released {})).await;
        self.lent.insert(number);
        if let Some(Phase::Running(_, look)) = self.phases.get_mut(&number) {
            look.next = Instant::now();
        }
        for reply in parked {
            match &released {
                Ok(()) => self.line.push(user.clone(), reply, Instant::now()),
                Err(error) => drop(reply.send(cannot_write(error))),
            }
        }
        Box::pin(self.serve_line()).await;
    }

    /// Removes a peer of ours that is nobody's. A fellow may have given it out this moment: so it is claimed first.
    pub(super) async fn withdraw(&mut self, number: u64) {
        let Some(Phase::Running(running, _)) = self.phases.get(&number) else { return };
        if self.fellows.is_empty() {
            self.delete(number, MORE_THAN_WANTED).await;
            return;
        }
        self.lent.insert(number);
        let (own, running) = (self.own.clone(), *running);
        let (user, claim) = (NOBODY.to_owned(), rand::random());
        let holder = Holder { user, claim, redeemed: false, since_s: now_s() };
        self.report(async move { Done::Withdrawn(number, claims::claim(&own, &running, &holder).await) });
    }

    pub(super) async fn on_withdrawn(&mut self, number: u64, outcome: Result<(), NotClaimed>) {
        match outcome {
            Ok(()) => drop(self.delete(number, MORE_THAN_WANTED).await),
            Err(why) => {
                tracing::debug!(number, ?why, "a vacant peer is not removed");
                // A look will tell whose it is.
                if let Some(Phase::Running(_, look)) = self.phases.get_mut(&number) {
                    look.next = Instant::now();
                }
            }
        }
    }

    /// A look at a peer of ours that is nobody's, as far as is known here.
    pub(super) async fn on_seen_vacant(&mut self, number: u64, seen: &HolderResponse) {
        self.lent.remove(&number);
        if seen.claim_id.len() == 16
            && let Err(error) = self.write_holder(number, seen).await
        {
            tracing::warn!(number, %error, "whose a peer became could not be written down");
        }
    }

    /// A look at a peer of a fellow. False: it is not ours to give any more, and forgotten here.
    pub(super) async fn is_still_given(&mut self, number: u64, seen: &HolderResponse) -> bool {
        let Some(kept) = self.ledger.register().kept(number) else { return false };
        let is_given = kept.holder.as_ref().is_some_and(|holder| seen.claim_id == holder.claim[..]);
        if !is_given && !self.is_wanted(number) {
            self.let_go(number).await;
        }
        is_given
    }

    /// Forgets a peer of a fellow. It stays whose it is.
    pub(super) async fn let_go(&mut self, number: u64) {
        let reason = "it is another dispatcher's".to_owned();
        match self.ledger.write(number, Kind::Gone(Gone { reason, left_alone: true })).await {
            Ok(()) => drop(self.phases.remove(&number)),
            Err(error) => tracing::warn!(number, %error, "a peer of another dispatcher is not forgotten"),
        }
    }

    /// A request to the page of a peer that is not known here.
    pub(super) fn route_elsewhere(&self, node: NodeId, reply: oneshot::Sender<Result<Running, Absent>>) {
        if self.fellows.is_empty() {
            let _ = reply.send(Err(Absent::Unknown));
            return;
        }
        let fellows = self.fellows.clone();
        self.group.spawn(tracing::debug_span!("elsewhere", node = %node.short()), async move {
            let found = fellows.route(node).await.map_err(|why| {
                tracing::debug!(why, "no fellow has it");
                Absent::Unknown
            });
            let _ = reply.send(found);
        });
    }

    pub(super) fn handle_lost(&mut self, node: NodeId) {
        self.fellows.forget(node);
        if let Some(number) = self.ledger.register().of_node(&node)
            && self.is_adopted(number)
        {
            self.phases.remove(&number);
        }
    }

    pub(super) fn is_adopted(&self, number: u64) -> bool {
        self.ledger.register().kept(number).is_some_and(|kept| kept.adopted)
    }
}
