//! With which bridges this node registers: those that a person gave, and those of its network that it hears.

use std::collections::{HashMap, HashSet};

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
    given: HashSet<Target>,
    heard: HashMap<NodeId, TaskGroup>,
    next_key: u64,
}

impl Registrations {
    pub(super) fn new(outlet: Outlet) -> Self {
        Self { outlet, claims: Claims::default(), given: HashSet::new(), heard: HashMap::new(), next_key: 0 }
    }

    /// Registers with a bridge that a person gave. Each target once.
    pub(super) fn add(&mut self, target: Target) {
        if self.given.insert(target.clone()) {
            let key = self.key();
            // It runs as long as discovery does.
            let _ = self.outlet.start(Bridge::given(key, target, self.claims.clone()));
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
