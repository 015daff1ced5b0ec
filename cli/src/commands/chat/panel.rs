//! What covers the conversation for a while: help, people, a way, a safety number, hits of a search, a question.

use bytes::Bytes;
use proto::control::v1::{InboxItem, SafetyNumberResponse};

/// Something shown instead of the conversation.
#[derive(Debug)]
pub(super) enum Kind {
    Help,
    Who,
    Route(Bytes),
    Verify(Verify),
    Search(Search),
    /// Shall the conversation be deleted?
    Delete(Bytes),
}

/// It, and how far it is scrolled.
#[derive(Debug)]
pub(super) struct Panel {
    pub(super) kind: Kind,
    pub(super) scroll: usize,
}

/// A safety number to be compared.
#[derive(Debug)]
pub(super) struct Verify {
    pub(super) peer: Bytes,
    /// `None` until it is there.
    pub(super) number: Option<SafetyNumberResponse>,
}

/// A search and what it found so far, newest first.
#[derive(Debug)]
pub(super) struct Search {
    pub(super) number: u64,
    pub(super) text: String,
    pub(super) peer: Option<Bytes>,
    pub(super) hits: Vec<InboxItem>,
    pub(super) chosen: usize,
    /// Where to ask for more; 0: that was all.
    pub(super) next: u64,
    pub(super) loading: bool,
}

impl Panel {
    /// From its beginning.
    pub(super) const fn new(kind: Kind) -> Self {
        Self { kind, scroll: 0 }
    }

    /// Whether keys answer it instead of being typed.
    pub(super) const fn asks(&self) -> bool {
        matches!(self.kind, Kind::Verify(_) | Kind::Delete(_))
    }

    /// The search, if it is one.
    pub(super) const fn search(&mut self) -> Option<&mut Search> {
        match &mut self.kind {
            Kind::Search(search) => Some(search),
            _ => None,
        }
    }
}
