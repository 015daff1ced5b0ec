//! With which bridges this node registers: those that a person gave, and those of its network that it hears.

use std::collections::HashMap;

use identity::NodeId;
use proto::node::v1::NodeKind;
use runtime::TaskGroup;

use crate::{
    Neighbour, Target,
    limits::MAX_BRIDGES,
    neighbours::Neighbours,
    source::{
        Outlet,
        bridge::{Bridge, Claims},
    },
};

pub(super) struct Registrations {
    outlet: Outlet,
    claims: Claims,
    given: HashMap<Target, TaskGroup>,
    heard: HashMap<NodeId, TaskGroup>,
    next_key: u64,
}

impl Registrations {
    pub(super) fn new(outlet: Outlet) -> Self {
        Self { outlet, claims: Claims::default(), given: HashMap::new(), heard: HashMap::new(), next_key: 0 }
    }

    /// Registers with a bridge that a person gave. Each target once.
    pub(super) fn add(&mut self, target: Target) {
        if !self.given.contains_key(&target) {
            let key = self.key();
            let group = self.outlet.start(Bridge::given(key, target.clone(), self.claims.clone()));
            self.given.insert(target, group);
        }
    }

    pub(super) fn remove(&mut self, target: &Target) {
        if let Some(group) = self.given.remove(target) {
            group.cancel();
        }
    }

    /// Registers with the bridges that are heard, as many as an announcement has room for, and leaves those that are
    /// not heard any more.
    pub(super) fn follow_heard(&mut self, table: &Neighbours) {
        self.heard.retain(|id, group| {
            let stays = !group.token().is_cancelled() && table.find(id).is_some_and(|node| is_bridge(node));
            if !stays {
                group.cancel();
            }
            stays
        });
        for node in table.values() {
            let id = node.id();
            let known = self.heard.contains_key(&id) || self.claims.holds(&id);
            if !known && is_bridge(node) && self.heard.len() < MAX_BRIDGES {
                let key = self.key();
                let group = self.outlet.start(Bridge::heard(key, id, self.claims.clone()));
                self.heard.insert(id, group);
            }
        }
    }

    fn key(&mut self) -> u64 {
        self.next_key += 1;
        self.next_key
    }
}

fn is_bridge(node: &Neighbour) -> bool {
    node.kind() == NodeKind::Bridge && node.is_direct() && node.announcement.ports().control > 0
}
