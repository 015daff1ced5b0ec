//! The actor: the one owner of the table of neighbours.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use identity::NodeId;
use proto::node::v1::NodeKind;
use tokio::{
    sync::{mpsc, watch},
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

use super::{Command, hints::Hints, pending::PendingEvents, registrations::Registrations};
use crate::{
    BridgeState, BridgeStatus, Event, OwnAddress, Settings, Snapshot, Target,
    dialler::Dialler,
    limits::HINT_PATIENCE,
    neighbours::{Dropped, Neighbours},
    source::{Outlet, Report, fixed::Fixed, multicast::Multicast},
};

mod hearing;

/// How often leases are looked at, and nodes without a description greeted.
const TICK: Duration = Duration::from_millis(250);
/// Reports taken in before a new snapshot is published.
const BATCH: usize = 64;

/// The actor's ends of its channels.
pub(super) struct Ends {
    pub(super) reported: mpsc::Receiver<Report>,
    pub(super) commanded: mpsc::Receiver<Command>,
    pub(super) events: mpsc::Sender<Event>,
    pub(super) publish: watch::Sender<Arc<Snapshot>>,
}

pub(super) struct Actor {
    outlet: Outlet,
    settings: Settings,
    ends: Ends,
    table: Neighbours,
    registrations: Registrations,
    bridges: BTreeMap<u64, BridgeStatus>,
    own_addresses: Vec<OwnAddress>,
    dialler: Dialler,
    hints: Hints,
    fixed: Vec<Target>,
    pending: PendingEvents,
    dirty: bool,
    started: Instant,
    /// Not to wait for the next tick.
    greet_now: bool,
}

impl Actor {
    pub(super) fn new(outlet: Outlet, settings: Settings, ends: Ends) -> Self {
        let table = Neighbours::new(outlet.announcer().id(), outlet.announcer().network());
        let dialler = Dialler::spawn(&outlet);
        let patience = if settings.multicast.is_some() { HINT_PATIENCE } else { Duration::ZERO };
        let started = Instant::now();
        let hints = Hints::new(started, patience);
        Self {
            table,
            dialler,
            registrations: Registrations::new(outlet.clone()),
            outlet,
            settings,
            ends,
            bridges: BTreeMap::new(),
            own_addresses: Vec::new(),
            hints,
            fixed: Vec::new(),
            pending: PendingEvents::default(),
            dirty: false,
            started,
            greet_now: false,
        }
    }

    pub(super) async fn run(mut self, token: CancellationToken) {
        self.start_sources();
        let mut changes = self.outlet.announcer().changes();
        let events = self.ends.events.clone();
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            self.publish_if_dirty();
            tokio::select! {
                biased;
                () = token.cancelled() => return,
                Some(command) = self.ends.commanded.recv() => self.handle_command(command),
                permit = events.reserve(), if self.has_events() => {
                    let event = self.pending.next().or_else(|| self.table.next_event());
                    // Nobody reads them: then they are of no use to anybody.
                    if let (Ok(permit), Some(event)) = (permit, event) {
                        permit.send(event);
                    }
                }
                Some(report) = self.ends.reported.recv() => self.handle_batch(report),
                Ok(()) = changes.changed() => self.on_own_change(),
                _ = tick.tick() => self.on_tick(),
            }
        }
    }

    fn start_sources(&mut self) {
        if let Some(multicast) = self.settings.multicast.clone() {
            let _ = self.outlet.start(Multicast::new(multicast));
        }
        for target in std::mem::take(&mut self.settings.fixed) {
            self.add_fixed(target);
        }
        for target in std::mem::take(&mut self.settings.bridges) {
            self.registrations.add(target);
        }
    }

    fn handle_command(&mut self, command: Command) {
        match command {
            Command::AddBridge(target) => self.registrations.add(target),
            Command::AddFixed(target) => self.add_fixed(target),
            Command::LastHeard(reply) => {
                // Whoever asked may have gone meanwhile.
                let _ = reply.send(self.table.last_heard());
            }
        }
    }

    fn add_fixed(&mut self, target: Target) {
        if !self.fixed.contains(&target) {
            self.fixed.push(target.clone());
            let _ = self.outlet.start(Fixed::new(target));
        }
    }

    fn handle_batch(&mut self, first: Report) {
        let now = Instant::now();
        let mut next = Some(first);
        for _ in 0..BATCH {
            let Some(report) = next else { break };
            self.handle_report(now, report);
            next = self.ends.reported.try_recv().ok();
        }
        if let Some(report) = next {
            self.handle_report(now, report);
        }
        if std::mem::take(&mut self.greet_now) {
            self.greet(now);
        }
        self.dirty |= self.table.has_events();
    }

    fn handle_report(&mut self, now: Instant, report: Report) {
        self.greet_now |= report.wants_greeting();
        match report {
            Report::Heard(heard) => self.hear(now, heard),
            Report::Renewed { id, sequence, address } => self.hear_again(now, (id, sequence), address),
            Report::Goodbye(announcement) => {
                let said = self.table.goodbye(&announcement);
                self.count(said);
            }
            Report::Described(description) => self.table.describe(description),
            Report::Undescribed(id) => self.table.greet_soon(now, &id),
            Report::Hinted { id, address, answers } => {
                let place = (id, address);
                let due = if answers { self.hints.is_due(now, place) } else { self.hints.is_new(now, place) };
                self.follow_hint(now, place, due);
            }
            Report::OwnAddresses(addresses) => {
                self.own_addresses = addresses;
                self.dirty = true;
            }
            Report::Twin { from } => self.pending.twin(from),
            Report::Reachable(remote) => {
                let reached = self.table.reach(remote);
                self.count(reached);
            }
            Report::Unreachable { bridge, id, reason } => self.table.lose(bridge, id, reason),
            Report::Bridge { key, status } => self.on_bridge(key, status),
        }
    }

    fn on_own_change(&mut self) {
        let network = self.outlet.announcer().network();
        if self.ends.publish.borrow().network != network {
            self.table.set_network(network.clone());
            self.pending.network(network);
            self.dirty = true;
        }
    }

    fn on_bridge(&mut self, key: u64, status: BridgeStatus) {
        if let Some(network) = &status.network {
            self.learn_network(NodeKind::Bridge, network);
        }
        let registered = |(other, at): (&u64, &BridgeStatus)| {
            *other != key && at.id == status.id && at.state == BridgeState::Registered
        };
        if let Some(id) = status.id
            && status.state != BridgeState::Registered
            && !self.bridges.iter().any(registered)
        {
            self.table.lose_bridge(id);
        }
        if status.state == BridgeState::Left {
            self.bridges.remove(&key);
        } else {
            self.bridges.insert(key, status.clone());
        }
        self.pending.bridge(key, status);
        self.dirty = true;
    }

    fn follow_hint(&mut self, now: Instant, (id, address): (NodeId, SocketAddr), due: bool) {
        if !self.settings.greet || !self.table.wants_hint(now, &id) {
            return;
        }
        if due && self.dialler.follow_hint(id, address) {
            self.hints.tried(now, (id, address));
        }
    }

    fn greet(&mut self, now: Instant) {
        if self.settings.greet {
            let room = self.dialler.room();
            for to_greet in self.table.to_greet(now, room) {
                self.dialler.greet(to_greet);
            }
        }
    }

    fn on_tick(&mut self) {
        let now = Instant::now();
        for silent in self.table.expire(now) {
            self.outlet.metrics().expired(silent);
        }
        if self.settings.register {
            self.registrations.follow_heard(&self.table);
        }
        for (id, address) in self.hints.waited(now) {
            let due = self.hints.is_due(now, (id, address));
            self.follow_hint(now, (id, address), due);
        }
        self.greet(now);
        for (table, entries) in self.table.sizes() {
            self.outlet.metrics().table(table, entries);
        }
        self.dirty |= self.table.has_events() | self.table.heard_other_networks();
    }

    fn count(&self, outcome: Result<(), Dropped>) {
        if let Err(dropped) = outcome {
            self.outlet.metrics().dropped(dropped.reason());
        }
    }

    fn has_events(&self) -> bool {
        !self.pending.is_empty() || self.table.has_events()
    }

    /// Before any event is told: whoever reads an event finds it in the snapshot.
    fn publish_if_dirty(&mut self) {
        if std::mem::take(&mut self.dirty) {
            self.ends.publish.send_replace(Arc::new(Snapshot {
                network: self.outlet.announcer().network(),
                neighbours: self.table.all(),
                bridges: self.bridges.values().cloned().collect(),
                other_networks: self.table.other_networks(),
                own_addresses: self.own_addresses.clone(),
            }));
        }
    }
}
