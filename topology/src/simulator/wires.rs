//! The links between simulated bridges.

use std::time::Duration;

use proto::link::v1::Frame;

use super::{Action, Simulation};
use crate::{Input, LinkId};

/// A link between two bridges, the one with the lower number first.
#[derive(Debug, Clone)]
pub struct Wire {
    /// One-way delay.
    pub latency: Duration,
    up: bool,
    link: Option<LinkId>,
    /// When the last frame of each direction arrives: frames stay in order.
    arrives: [Duration; 2],
}

impl Simulation {
    /// Links two bridges; the connection comes up within 200 ms.
    pub fn link(&mut self, one: usize, other: usize) {
        let (low, high) = self.settings.latency;
        let spread = (high - low).as_micros() as u64;
        let latency = low + Duration::from_micros(self.below(spread.max(1)));
        let wire = Wire { latency, up: false, link: None, arrives: [Duration::ZERO; 2] };
        self.wires.insert(order(one, other), wire);
        self.heal(one, other);
    }

    /// Whatever is under way is lost; both ends notice after a while.
    pub fn cut(&mut self, one: usize, other: usize) {
        let ends = order(one, other);
        let Some(wire) = self.wires.get_mut(&ends) else { return };
        wire.up = false;
        if let Some(link) = wire.link.take() {
            self.by_link.remove(&link);
            let at = self.now + self.settings.detect;
            for node in [ends.0, ends.1] {
                self.plan_at(at, Action::Lost { node, link });
            }
        }
    }

    /// Takes a link away for good.
    pub fn unlink(&mut self, one: usize, other: usize) {
        self.cut(one, other);
        self.wires.remove(&order(one, other));
    }

    /// The wire works again: a connection comes up within 200 ms.
    pub fn heal(&mut self, one: usize, other: usize) {
        if let Some(wire) = self.wires.get_mut(&order(one, other)) {
            wire.up = true;
            let at = self.now + Duration::from_millis(1 + self.below(200));
            self.plan_at(at, Action::Connect(one, other));
        }
    }

    /// All wires that cross from one group to the other.
    pub fn wires_between(&self, group: impl Fn(usize) -> bool) -> Vec<(usize, usize)> {
        self.wires.keys().filter(|(one, other)| group(*one) != group(*other)).copied().collect()
    }

    /// All wires of a bridge.
    pub fn wires_of(&self, node: usize) -> Vec<(usize, usize)> {
        self.wires.keys().filter(|(one, other)| *one == node || *other == node).copied().collect()
    }

    pub(super) fn connect(&mut self, one: usize, other: usize) {
        let ends = order(one, other);
        let runs = |node: usize| self.nodes[node].core.is_some();
        let both = runs(one) && runs(other);
        let now = self.now;
        let Some(wire) = self.wires.get_mut(&ends).filter(|wire| both && wire.up && wire.link.is_none())
        else {
            return;
        };
        self.links += 1;
        let link = LinkId(self.links);
        wire.link = Some(link);
        wire.arrives = [now; 2];
        let rtt_us = wire.latency.as_micros() as u32 * 2;
        self.by_link.insert(link, ends);
        for (node, neighbour) in [(ends.0, ends.1), (ends.1, ends.0)] {
            let (bridge, dialled) = (self.id(neighbour), node == ends.0);
            let address = format!("192.0.2.{}:30020", neighbour % 250);
            self.input(node, Input::LinkUp { link, bridge, dialled, address });
            self.input(node, Input::LinkSample { link, rtt_us, loss_ppm: self.settings.loss_ppm });
        }
    }

    pub(super) fn send(&mut self, from: usize, link: LinkId, frame: Frame) {
        let Some(ends) = self.by_link.get(&link).copied() else { return };
        let (size, frame) = self.across(frame);
        self.bytes += size as u64;
        let lost = self.below(1_000_000) < u64::from(self.settings.loss_ppm);
        let (now, rate) = (self.now, self.settings.rate);
        let Some(wire) = self.wires.get_mut(&ends) else { return };
        // A lost packet comes again after about three round trips' worth of waiting.
        let delay = wire.latency * if lost { 4 } else { 1 };
        let direction = usize::from(from == ends.1);
        let sending = Duration::from_nanos(size as u64 * 1_000_000_000 / rate);
        let at = (now + delay).max(wire.arrives[direction]) + sending;
        wire.arrives[direction] = at;
        let to = if from == ends.0 { ends.1 } else { ends.0 };
        self.plan_at(at, Action::Frame { to, link, frame: Box::new(frame) });
    }

    /// A core closed a connection.
    pub(super) fn drop_link(&mut self, link: LinkId) {
        if let Some((one, other)) = self.by_link.get(&link).copied() {
            self.cut(one, other);
        }
    }
}

fn order(one: usize, other: usize) -> (usize, usize) {
    (one.min(other), one.max(other))
}
