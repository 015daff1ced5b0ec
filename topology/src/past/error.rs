//! Questions that cannot be answered.

use identity::NodeId;

use crate::Hlc;

use super::rfc3339;

/// Why there is no answer. As text it is a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PastError {
    /// The archive is empty.
    #[error("there are no events yet: the log of a bridge begins when it starts for the first time")]
    NoEvents,
    /// The instant lies before everything that is held.
    #[error("the log begins at {first}, and {at} lies before it", first = rfc3339(*first), at = rfc3339(*at))]
    BeforeFirst {
        /// What was asked for.
        at: Hlc,
        /// The first event.
        first: Hlc,
    },
    /// No node has that name or id.
    #[error("no log names a node {name}{}", when(*.at))]
    Unknown {
        /// What was asked for.
        name: String,
        /// The instant, if it was about one.
        at: Option<Hlc>,
    },
    /// Several nodes have it.
    #[error("{name} is the name of several nodes, choose one:{}", list(.candidates))]
    Ambiguous {
        /// What was asked for.
        name: String,
        /// The nodes, with their names.
        candidates: Vec<(NodeId, String)>,
    },
    /// A node of another kind was needed.
    #[error("{name} is no bridge: ways begin at bridges")]
    NotABridge {
        /// What was asked for.
        name: String,
    },
    /// Nothing says what a bridge knew.
    #[error(
        "there is no journal here, and only a journal says what its bridge knew: ask that bridge, or a file exported there \
         with --journal"
    )]
    NoJournal,
    /// The journal is another bridge's.
    #[error("the journal here is that of {owner}; what {asked} knew only its own journal says")]
    OthersJournal {
        /// Whose it is.
        owner: NodeId,
        /// Whose was needed.
        asked: NodeId,
    },
    /// The journal does not go back that far.
    #[error("the journal begins later: what is older was dropped, or the bridge did not run yet")]
    JournalBegins,
    /// There is no such event.
    #[error("no event {0} is held here; `causeway topology log --json` shows the ids of events")]
    NoSuchEvent(String),
    /// What should be the id of an event is none.
    #[error("{0} is not the id of an event: it looks like abcdefgh.0123456789ab.42")]
    BadEventId(String),
}

fn when(at: Option<Hlc>) -> String {
    at.map_or_else(String::new, |at| format!(" as of {}", rfc3339(at)))
}

fn list(candidates: &[(NodeId, String)]) -> String {
    candidates.iter().map(|(id, name)| format!("\n  {id} ({name})")).collect()
}
