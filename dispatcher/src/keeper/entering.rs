//! People: those who have a peer get to it, the others get one.

use std::{collections::VecDeque, mem, time::Instant};

use bytes::Bytes;
use identity::NodeId;
use proto::hosting::v1::{Claimed, Gone, Released, event::Kind};
use tokio::sync::oneshot;

use super::{
    Absent, Done, Entry, Keeper, Phase,
    refusals::{DOES_NOT_ANSWER, cannot_write, refused},
};
use crate::{
    backend::Running,
    claims::{self, NotClaimed},
    cookie::Person,
    limits::{MAX_CLAIM_TRIES, MAX_WAITING, RELEASE_AFTER, WAITING_LASTS},
    register::Holder,
};

/// People without a peer, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Line(VecDeque<Waiting>);

#[derive(Debug)]
struct Waiting {
    user: String,
    asked: Instant,
    reply: oneshot::Sender<Entry>,
}

/// Who waits for one peer.
#[derive(Debug, Default)]
pub(super) struct Parked {
    entering: Vec<oneshot::Sender<Entry>>,
    routed: Vec<oneshot::Sender<Result<Running, Absent>>>,
    claiming: bool,
    /// Claims in a row that were not answered.
    failed: u32,
}

impl Line {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whoever asks again keeps the place.
    pub(super) fn push(&mut self, user: String, reply: oneshot::Sender<Entry>, now: Instant) {
        match self.0.iter_mut().find(|waiting| waiting.user == user) {
            Some(waiting) => (waiting.asked, waiting.reply) = (now, reply),
            None => self.0.push_back(Waiting { user, asked: now, reply }),
        }
    }

    /// The first one whose browser waits just now.
    pub(super) fn next(&mut self) -> Option<(String, oneshot::Sender<Entry>)> {
        let place = self.0.iter().position(|waiting| !waiting.reply.is_closed())?;
        self.0.remove(place).map(|waiting| (waiting.user, waiting.reply))
    }

    /// Those who do not ask any more wait no more.
    pub(super) fn forget(&mut self, now: Instant) {
        self.0.retain(|waiting| now.saturating_duration_since(waiting.asked) < WAITING_LASTS);
    }

    /// Tells all of them why not.
    pub(super) fn refuse(&mut self, entry: &Entry) {
        for waiting in self.0.drain(..) {
            let _ = waiting.reply.send(entry.clone());
        }
    }
}

impl Keeper {
    pub(super) async fn handle_enter(&mut self, person: Person, reply: oneshot::Sender<Entry>) {
        let user = &person.user;
        if let Some(number) = self.ledger.register().of_user(user) {
            self.park(number, [reply]);
            return self.go_on(number).await;
        }
        if let Some(peer) = person.peer
            && !self.fellows.is_empty()
            && self.ledger.register().of_node(&peer).is_none()
        {
            return self.recognise(person, peer, reply);
        }
        if self.line.len() >= MAX_WAITING {
            let _ = reply.send(refused("too many people wait here just now"));
            return;
        }
        self.line.push(person.user, reply, Instant::now());
        self.serve_line().await;
        self.look_around();
    }

    /// Has people wait for a peer.
    pub(super) fn park(&mut self, number: u64, replies: impl IntoIterator<Item = oneshot::Sender<Entry>>) {
        self.parked.entry(number).or_default().entering.extend(replies);
    }

    /// Those who wait for a peer, and do not any more.
    pub(super) fn unpark(&mut self, number: u64) -> Vec<oneshot::Sender<Entry>> {
        self.parked.remove(&number).unwrap_or_default().entering
    }

    pub(super) async fn handle_route(
        &mut self,
        node: NodeId,
        reply: oneshot::Sender<Result<Running, Absent>>,
    ) {
        let Some(number) = self.ledger.register().of_node(&node) else {
            return self.route_elsewhere(node, reply);
        };
        self.parked.entry(number).or_default().routed.push(reply);
        self.go_on(number).await;
    }

    /// Gives vacant peers to those who wait.
    pub(super) async fn serve_line(&mut self) {
        while let Some(number) = self.vacant().first().copied() {
            let Some((user, reply)) = self.line.next() else { return };
            self.give(number, user, reply).await;
        }
    }

    /// Gives a peer to a person: that is written down, then the peer is asked.
    pub(super) async fn give(&mut self, number: u64, user: String, reply: oneshot::Sender<Entry>) {
        let claimed = Claimed { claim_id: Bytes::copy_from_slice(&rand::random::<[u8; 16]>()), user };
        if let Err(error) = self.ledger.write(number, Kind::Claimed(claimed)).await {
            let _ = reply.send(cannot_write(&error));
            return;
        }
        self.metrics.claims.inc();
        self.park(number, [reply]);
        self.go_on(number).await;
    }

    /// Does the next thing for those who wait for a peer.
    pub(super) async fn go_on(&mut self, number: u64) {
        let Some(phase) = self.phases.get_mut(&number) else {
            if let Err(error) = self.wake(number).await {
                self.refuse(number, &cannot_write(&error));
            }
            return;
        };
        let Phase::Running(running, look) = phase else { return };
        let running = *running;
        let Some(parked) = self.parked.get_mut(&number) else { return };
        look.sent = Some(Instant::now());
        for reply in parked.routed.drain(..) {
            let _ = reply.send(Ok(running));
        }
        let holder = self.ledger.register().kept(number).and_then(|kept| kept.holder.clone());
        match holder {
            Some(holder) if holder.redeemed => self.let_in(number, running.node, &holder).await,
            Some(holder) if !parked.entering.is_empty() && !parked.claiming => {
                parked.claiming = true;
                let own = self.own.clone();
                self.report(
                    async move { Done::Claimed(number, claims::claim(&own, &running, &holder).await) },
                );
            }
            _ => {}
        }
    }

    pub(super) async fn on_claimed(&mut self, number: u64, outcome: Result<(), NotClaimed>) {
        if let Some(parked) = self.parked.get_mut(&number) {
            parked.claiming = false;
        }
        let kept = self.ledger.register().kept(number);
        let Some(holder) = kept.and_then(|kept| kept.holder.clone()) else { return };
        match (outcome, self.phases.get(&number)) {
            (Ok(()), Some(Phase::Running(running, _))) => {
                let node = running.node;
                self.let_in(number, node, &holder).await;
            }
            (Err(NotClaimed::Taken | NotClaimed::Leased), _) if self.is_adopted(number) => {
                let node = self.ledger.register().kept(number).and_then(|kept| kept.node);
                self.taken.extend(node.map(|node| (node, Instant::now())));
                self.phases.remove(&number);
                self.give_up(number, holder.user, true).await;
            }
            (Err(NotClaimed::Taken), _) => {
                tracing::info!(number, "a peer is somebody's already");
                self.lend(number, holder.user).await;
            }
            (Err(NotClaimed::Leased), _) if !self.fellows.is_empty() => {
                self.lend(number, holder.user).await;
            }
            // Nobody came with the claim that it remembers, and nobody can any more: logins ended long before.
            (Err(NotClaimed::Leased), _) => {
                if self.give_up(number, holder.user, false).await {
                    self.remove(number);
                }
            }
            (Err(NotClaimed::Failed(why)), _) => {
                self.on_claim_failed(number, &why).await;
            }
            (Ok(()), _) => {}
        }
    }

    /// The same claim is made again, as long as somebody waits for it: a busy machine answers late.
    async fn on_claim_failed(&mut self, number: u64, why: &str) {
        self.metrics.failures.inc();
        let Some(parked) = self.parked.get_mut(&number) else { return };
        parked.failed += 1;
        tracing::warn!(number, why, failed = parked.failed, "a peer could not be claimed");
        if parked.failed < MAX_CLAIM_TRIES {
            parked.entering.retain(|reply| !reply.is_closed());
            return Box::pin(self.go_on(number)).await;
        }
        self.refuse(number, &refused(DOES_NOT_ANSWER));
    }

    async fn let_in(&mut self, number: u64, node: NodeId, holder: &Holder) {
        let Some(parked) = self.parked.get_mut(&number) else { return };
        parked.failed = 0;
        let waiting = mem::take(&mut parked.entering);
        if waiting.is_empty() {
            return;
        }
        if holder.redeemed {
            self.on_visit(number).await;
        } else {
            self.sent.insert(number, Instant::now());
        }
        for reply in waiting {
            let _ = reply.send(Entry::Ready { node, claim: holder.claim });
        }
    }

    /// A peer that cannot be had, whatever our log says: who was to get it gets another one. Says whether it is written down.
    pub(super) async fn give_up(&mut self, number: u64, user: String, left_alone: bool) -> bool {
        let parked = self.unpark(number);
        let reason = "it could not be claimed".to_owned();
        let gone = self.ledger.write(number, Kind::Gone(Gone { reason, left_alone })).await;
        for reply in parked {
            match &gone {
                Ok(()) => self.line.push(user.clone(), reply, Instant::now()),
                Err(error) => drop(reply.send(cannot_write(error))),
            }
        }
        Box::pin(self.serve_line()).await;
        gone.is_ok()
    }

    /// Whether a login that was given out may still be used. One of before the last start may be, too.
    pub(super) fn may_come(&self, number: u64) -> bool {
        self.sent.get(&number).unwrap_or(&self.began).elapsed() < RELEASE_AFTER
    }

    /// The person did not come in time.
    pub(super) async fn release(&mut self, number: u64) {
        self.sent.remove(&number);
        match self.ledger.write(number, Kind::Released(Released {})).await {
            Ok(()) => self.serve_line().await,
            Err(error) => tracing::warn!(number, %error, "a claim could not be given up"),
        }
    }

    /// Tells those who wait for a peer that it does not come.
    pub(super) fn refuse(&mut self, number: u64, entry: &Entry) {
        let parked = self.parked.remove(&number).unwrap_or_default();
        parked.entering.into_iter().for_each(|reply| drop(reply.send(entry.clone())));
        let absent = match entry {
            Entry::Refused { why, .. } if self.ledger.register().kept(number).is_some() => {
                Absent::Broken(why.clone())
            }
            _ => Absent::Unknown,
        };
        for reply in parked.routed {
            let _ = reply.send(Err(absent.clone()));
        }
    }

    /// Whether somebody waits for a peer.
    pub(super) fn is_wanted(&self, number: u64) -> bool {
        let waits = |parked: &Parked| {
            parked.entering.iter().any(|reply| !reply.is_closed())
                || parked.routed.iter().any(|reply| !reply.is_closed())
        };
        self.parked.get(&number).is_some_and(waits)
    }

    /// Those that run and are nobody's, in the order in which they were made.
    pub(super) fn vacant(&self) -> Vec<u64> {
        let register = self.ledger.register();
        let is_vacant = |number: u64| {
            register.kept(number).is_some_and(|kept| kept.holder.is_none() && !kept.adopted)
                && !self.lent.contains(&number)
        };
        let running =
            |(number, phase): (&u64, &Phase)| matches!(phase, Phase::Running(..)).then_some(*number);
        self.phases.iter().filter_map(running).filter(|number| is_vacant(*number)).collect()
    }
}
