//! Peers that are not there: since when, and why.

use crate::wall;

/// Since when somebody is not there, and whether it is they who went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Away {
    /// Milliseconds since 1970.
    pub(crate) since_ms: u64,
    /// No way leads there: whether they are there is not known.
    pub(crate) cut_off: bool,
}

impl Away {
    /// The state of somebody who was seen; `None` for one who was not.
    pub(crate) fn state(away: Option<Self>) -> &'static str {
        match away {
            Some(Self { cut_off: true, .. }) => "unreachable",
            Some(_) => "left",
            None => "unknown",
        }
    }

    /// The same, and what is known of why, for a person.
    pub(crate) fn sentence(away: Option<Self>, name: &str) -> String {
        match away {
            Some(Self { since_ms, cut_off: true }) => {
                let since = wall::rfc3339(since_ms);
                format!(
                    "no way leads to {name} since {since} (a link between bridges is down, or a bridge stopped)"
                )
            }
            Some(Self { since_ms, .. }) => format!("{name} is away since {}", wall::rfc3339(since_ms)),
            None => format!("{name} was not seen since this program started"),
        }
    }
}
