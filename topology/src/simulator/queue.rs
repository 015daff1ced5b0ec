//! What is going to happen.

use std::time::Duration;

use proto::link::v1::Frame;

use crate::{LinkId, LogId};

/// Something that happens at a time; equal times in the order of planning.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) at: Duration,
    pub(super) order: u64,
    pub(super) action: Action,
}

#[derive(Debug)]
pub(super) enum Action {
    Tick(usize),
    Connect(usize, usize),
    Lost { node: usize, link: LinkId },
    Frame { to: usize, link: LinkId, frame: Box<Frame> },
    Durable { node: usize, run: u32, log: LogId, through: u64 },
}

impl PartialEq for Event {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.order) == (other.at, other.order)
    }
}

impl Eq for Event {}

impl PartialOrd for Event {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Event {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}
