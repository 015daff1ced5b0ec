//! Where lines are in a conversation, measured only as far as it matters: there may be many messages.

use super::{
    conversation::Scroll,
    transcript::{self, Entry, Setting},
};

/// A conversation as lines.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measure<'a> {
    pub(super) entries: &'a [Entry<'a>],
    pub(super) setting: &'a Setting<'a>,
    /// Lines in view.
    pub(super) view: usize,
}

/// The lower edge of the view: so many lines of a message, by its index, are below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Edge {
    at: usize,
    hidden: usize,
}

impl Measure<'_> {
    /// The edge of a view; `None` where there is nothing to see.
    pub(super) fn edge(&self, scroll: Scroll) -> Option<Edge> {
        let last = self.entries.len().checked_sub(1)?;
        Some(match scroll {
            Scroll::Bottom => Edge { at: last, hidden: 0 },
            Scroll::At { position, hidden } => {
                let at = self.index(position);
                Edge { at, hidden: hidden.min(self.height(at).saturating_sub(1)) }
            }
        })
    }

    /// The edge just below a message.
    pub(super) fn below(&self, position: u64) -> Edge {
        Edge { at: self.index(position), hidden: 0 }
    }

    /// The edge just above a message.
    pub(super) fn above(&self, position: u64) -> Edge {
        let at = self.index(position);
        Edge { at, hidden: self.height(at) }
    }

    /// The edge so many lines further up, or at the very top; and by how many it moved.
    pub(super) fn up(&self, edge: Edge, lines: usize) -> (Edge, usize) {
        let Edge { mut at, mut hidden } = edge;
        let (mut left, mut height) = (lines, self.height(at));
        loop {
            let step = left.min(height.saturating_sub(hidden));
            (hidden, left) = (hidden + step, left - step);
            if hidden < height || at == 0 {
                return (Edge { at, hidden }, lines - left);
            }
            at -= 1;
            (hidden, height) = (0, self.height(at));
        }
    }

    /// The edge so many lines further down, or at the very bottom; and by how many it moved.
    pub(super) fn down(&self, edge: Edge, lines: usize) -> (Edge, usize) {
        let Edge { mut at, mut hidden } = edge;
        let mut left = lines;
        loop {
            let step = left.min(hidden);
            (hidden, left) = (hidden - step, left - step);
            if left == 0 || at + 1 >= self.entries.len() {
                return (Edge { at, hidden }, lines - left);
            }
            at += 1;
            hidden = self.height(at);
        }
    }

    /// The place to look at, with the view full wherever that is possible.
    pub(super) fn scroll(&self, edge: Edge) -> Scroll {
        let (_, above) = self.up(edge, self.view);
        let (edge, _) = self.down(edge, self.view - above);
        if edge.hidden == 0 && edge.at + 1 >= self.entries.len() {
            return Scroll::Bottom;
        }
        let position = self.entries.get(edge.at).map_or(0, Entry::position);
        Scroll::At { position, hidden: edge.hidden }
    }

    /// The message at a position, or the last one before.
    fn index(&self, position: u64) -> usize {
        self.entries.partition_point(|entry| entry.position() <= position).saturating_sub(1)
    }

    fn height(&self, at: usize) -> usize {
        let before = at.checked_sub(1).map(|before| self.entries[before]);
        self.entries.get(at).map_or(0, |entry| transcript::lines(*entry, before, self.setting).len())
    }
}
