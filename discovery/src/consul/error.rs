//! Why Consul did not do what it was asked.

use std::path::PathBuf;

use hyper::StatusCode;

/// What a person needs to know of a request that failed. Nothing changed at this node.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConsulError {
    /// Nobody listens there, or the connection broke.
    #[error("the Consul agent at {at} does not answer ({why}); does it run, and is it reached from here?")]
    Unreachable {
        /// Where it was looked for.
        at: String,
        /// What the system said.
        why: String,
    },
    /// It took the connection and closed it without an answer: so do agents, too, that have too many of them.
    #[error(
        "the Consul agent at {at} closed the connection without an answer ({why}): it was stopped, or takes no more \
         connections from this address: see `limits {{ http_max_conns_per_client }}` in its configuration"
    )]
    Cut {
        /// Where.
        at: String,
        /// What happened to the connection.
        why: String,
    },
    /// Too slow.
    #[error("the Consul agent at {at} did not answer in time")]
    Silent {
        /// Where.
        at: String,
    },
    /// Access control.
    #[error(
        "Consul refuses {what}: the token may not do that; it needs `service_prefix \"causeway\" {{ policy = \"write\" }}` and to read nodes (and `key_prefix \"causeway/\"` for a dispatcher)"
    )]
    Denied {
        /// The method and path.
        what: String,
    },
    /// Too many connections of one address.
    #[error(
        "Consul takes no more connections from this address: raise `limits {{ http_max_conns_per_client }}` in the agent's configuration, or run fewer nodes on this machine"
    )]
    Crowded,
    /// It has no leader just now, or something else is wrong with it.
    #[error("Consul cannot do that just now ({status}: {said})")]
    Failing {
        /// What it answered.
        status: StatusCode,
        /// The beginning of what it said.
        said: String,
    },
    /// It does not know what is asked for, or does not like the request.
    #[error("Consul refuses {what} ({status}: {said})")]
    Refused {
        /// The method and path.
        what: String,
        /// What it answered.
        status: StatusCode,
        /// The beginning of what it said.
        said: String,
    },
    /// Not what Consul answers: something else listens there, or it is too much.
    #[error("what answers at {at} is no Consul agent of a kind that is understood ({why})")]
    Garbled {
        /// Where.
        at: String,
        /// What is wrong.
        why: String,
    },
    /// The file with the token.
    #[error("cannot use the Consul token in {}: {why}", path.display())]
    TokenFile {
        /// The file.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// The token of the environment.
    #[error("the Consul token in the environment is not one line of text")]
    Token,
}

impl ConsulError {
    /// The agent itself answered, and does not have what is asked for.
    pub(super) fn is_unknown(&self) -> bool {
        matches!(self, Self::Refused { status, .. } if *status == StatusCode::NOT_FOUND)
    }
}
