//! Asking for a description.

use std::net::SocketAddr;

use bytes::Bytes;
use identity::{Announcement, Description, InvalidRecord, NodeId};
use proto::greeting::v1::{GreetRequest, GreetResponse, greeting_client::GreetingClient};
use runtime::rpc::{ConnectError, connect_plain};
use tokio::time::timeout;
use tonic::{Code, Status};

use super::race::race;
use crate::{
    Announcer,
    limits::{GREETING_TIMEOUT, MAX_MESSAGE_BYTES},
};

/// What a greeting brought, checked against the wanted id and against each other.
#[derive(Debug, Clone)]
pub struct Greeted {
    /// The description of the wanted node.
    pub description: Description,
    /// Its latest announcement, where the one who answered knows it.
    pub announcement: Option<Announcement>,
    /// Which address answered.
    pub address: SocketAddr,
}

/// Why a greeting brought nothing. The other side is at fault, or the way to it; nothing changed here.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GreetError {
    /// There was no address to try.
    #[error("no address of the node is known")]
    NoAddress,
    /// Not reached.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// Reached, but no answer came in time.
    #[error("{0} accepted the connection but did not answer the greeting in time")]
    Timeout(SocketAddr),
    /// It does not know the wanted node.
    #[error("{0} does not know this node")]
    Unknown(SocketAddr),
    /// It refused.
    #[error("{address} refused the greeting: {}", .status.message())]
    Refused {
        /// Who.
        address: SocketAddr,
        /// Its answer.
        status: Box<Status>,
    },
    /// The answer is not to be believed.
    #[error("the answer of {address} does not hold: {source}")]
    Invalid {
        /// Who.
        address: SocketAddr,
        /// What does not hold.
        source: InvalidRecord,
    },
    /// The answer is about somebody else.
    #[error("{address} answered as {}, not as the wanted {}", .answered.short(), .wanted.short())]
    OtherNode {
        /// Who.
        address: SocketAddr,
        /// Whose description came.
        answered: NodeId,
        /// Whose was wanted.
        wanted: NodeId,
    },
    /// Description and announcement do not belong together: the node is changing just now, or somebody mixes them.
    #[error("the announcement that {0} handed over names another description")]
    Mismatch(SocketAddr),
}

/// Greets one address: hands over this node's description and announcement, and asks for the wanted node's. Without
/// `wanted`, whoever answers.
///
/// # Errors
/// [`GreetError`]. It takes at most [`GREETING_TIMEOUT`].
pub async fn greet(
    address: SocketAddr,
    wanted: Option<NodeId>,
    own: &Announcer,
) -> Result<Greeted, GreetError> {
    match timeout(GREETING_TIMEOUT, exchange(address, wanted, own)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(GreetError::Timeout(address)),
    }
}

/// Greets several addresses of one node at once, each with a small head start before the next; the first good answer
/// counts.
///
/// # Errors
/// The last [`GreetError`] when none answered well.
pub async fn greet_any(
    addresses: &[SocketAddr],
    wanted: Option<NodeId>,
    own: &Announcer,
) -> Result<Greeted, GreetError> {
    race(addresses, |address| greet(address, wanted, own)).await.unwrap_or(Err(GreetError::NoAddress))
}

async fn exchange(
    address: SocketAddr,
    wanted: Option<NodeId>,
    own: &Announcer,
) -> Result<Greeted, GreetError> {
    let channel = connect_plain(address, GREETING_TIMEOUT).await?;
    // Not compressed: keys, certificates and signatures do not get smaller, and it takes more memory than all of them.
    let mut client = GreetingClient::new(channel).max_decoding_message_size(MAX_MESSAGE_BYTES);
    let (description, announcement) = own.records();
    let request = GreetRequest {
        wanted: wanted.map_or_else(Bytes::new, NodeId::to_bytes),
        description: Some(description.signed().clone()),
        announcement: Some(announcement.signed().clone()),
    };
    match client.greet(request).await {
        Ok(response) => check(address, wanted, response.into_inner()),
        Err(status) if status.code() == Code::NotFound => Err(GreetError::Unknown(address)),
        Err(status) => Err(GreetError::Refused { address, status: Box::new(status) }),
    }
}

fn check(
    address: SocketAddr,
    wanted: Option<NodeId>,
    response: GreetResponse,
) -> Result<Greeted, GreetError> {
    let invalid = |source| GreetError::Invalid { address, source };
    let description = response.description.ok_or_else(|| invalid(InvalidRecord::Field("description")))?;
    let description = Description::verify(description).map_err(invalid)?;
    let announcement = response.announcement.map(Announcement::verify).transpose().map_err(invalid)?;
    let answered = description.id();
    if let Some(wanted) = wanted.filter(|wanted| *wanted != answered) {
        return Err(GreetError::OtherNode { address, answered, wanted });
    }
    if let Some(announcement) = &announcement {
        if announcement.id() != answered {
            return Err(GreetError::OtherNode { address, answered: announcement.id(), wanted: answered });
        }
        if announcement.description_hash() != description.hash() {
            return Err(GreetError::Mismatch(address));
        }
    }
    Ok(Greeted { description, announcement, address })
}
