//! What the model is told.

use bytes::Bytes;
use proto::control::v1::{
    InboxItem, MessagesResponse, SafetyNumberResponse, SearchResponse, watch_event::Kind as News,
};
use ratatui::crossterm::event::KeyEvent;

use super::effect::{Once, Want};

/// Something that happened.
#[derive(Debug)]
pub(super) enum Event {
    /// A key was pressed.
    Key(KeyEvent),
    /// A text was pasted as one.
    Paste(String),
    /// A mouse button went down, at a column and a row.
    Click(u16, u16),
    /// The wheel turned, at a column and a row.
    Wheel { up: bool, at: (u16, u16) },
    /// The terminal is looked at, or not any more.
    Focus(bool),
    /// The terminal has so many columns and rows.
    Size(u16, u16),
    /// The time of [`super::model::Model::deadline`] has come.
    Time,
    /// The peer answers: what it says from now on is complete.
    Up,
    /// The peer does not answer, and why.
    Down(String),
    /// News of the peer.
    News(News),
    /// What came of an effect.
    Answer(Answer),
}

/// Why an effect had none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    /// The connection broke: nobody knows whether it was done.
    pub(super) lost: bool,
    /// For the person.
    pub(super) sentence: String,
}

/// What came of it.
pub(super) type Outcome<T> = Result<T, Failure>;

/// The answer to an [`super::effect::Effect`].
#[derive(Debug)]
pub(super) enum Answer {
    /// To `Send`.
    Sent { once: Once, outcome: Outcome<InboxItem> },
    /// To `Load`.
    Page { peer: Bytes, want: Want, outcome: Outcome<MessagesResponse> },
    /// To `Search`.
    Found { search: u64, outcome: Outcome<SearchResponse> },
    /// To `SafetyNumber`.
    Number(Outcome<SafetyNumberResponse>),
    /// To all others: a sentence for the person.
    Done(Outcome<String>),
}
