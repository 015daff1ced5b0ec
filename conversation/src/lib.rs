//! The messenger's pure core: messages, receipts, exactly once.
//!
//! Inputs go in with the time as an argument, what must be done comes out as values: records to store, frames to send,
//! answers to give. The log of [`Event`](proto::history::v1::Event)s is the one truth; everything else is folded from it.
//! A message is stored before it is sent, and stored by the other side before that side acknowledges it.
//!
//! What it is not: any IO. There is no clock, socket, task or source of randomness in here; `peer` has those.
//!
//! | module | contents |
//! |---|---|
//! | [`Conversation`] | the machine: [`Input`] in, [`Output`] out |
//! | [`event`] | how stored events are encoded |
//! | [`envelope`] | how a message is encoded, checked and read |
//! | [`Folded`] | what a history folds to, and its checkpoint |
//! | [`Book`] | the history for people: which messages there are, and the state of each |
//! | [`Words`] | what is searched for |
//! | [`limits`] | every bound |
//!
//! ```
//! use conversation::{Conversation, Input, Output};
//! use identity::NodeKey;
//!
//! let [anna, ben] = [1, 2].map(|seed| NodeKey::from_seed([seed; 32]).node_id());
//! let mut core = Conversation::new(anna, [7; 32]);
//! let mut out = Vec::new();
//! core.handle(Input::Send { request: 1, to: ben, text: "hello".into(), once: Vec::new().into() }, 0, &mut out);
//! let records = out.drain(..).filter(|output| matches!(output, Output::Append(_))).count();
//! core.handle(Input::Stored { first: 1, records }, 0, &mut out);
//! assert!(matches!(out[0], Output::Queued { request: 1, .. }));
//! ```

mod book;
mod contact;
pub mod envelope;
pub mod event;
mod folded;
mod ids;
mod inbound;
mod io;
mod likeness;
pub mod limits;
mod machine;
mod once;
mod outbound;
mod state;
mod steps;
mod words;

pub use book::{Book, Direction, Item, ItemState};
pub use folded::Folded;
pub use ids::{ChainHash, Epoch, Head, MessageId, SessionId};
pub use io::{Decision, Dialled, Fetched, Input, Output, SendError, SessionKey};
pub use likeness::same_name;
pub use machine::Conversation;
pub use state::{ContactView, Totals, Warning};
pub use words::{InvalidSearch, MAX_SEARCH_BYTES, Words};
