//! What one UDP datagram carries: four bytes that say what it is, then a signed message.
//!
//! ```text
//! "CWY1"  Signed { body: Datagram { kind, announcement: Signed { Announcement }, hints, description }, signature }
//! ```
//! The datagram is signed by the node whose announcement it carries: nobody else can hand that announcement round, or
//! put hints into its mouth. A node reads nothing of a datagram that breaks a bound.
//!
//! A newcomer and those who answer it put their descriptions in, so that nobody need greet: among a hundred nodes on one
//! wire that would be five thousand connections.

use std::net::SocketAddr;

use bytes::{BufMut as _, Bytes, BytesMut};
use identity::{Announcement, Context, Description, InvalidRecord, NodeId, NodeKey, verify};
use prost::Message as _;
use proto::node::v1::{self, Signed, datagram::Kind};

use crate::{
    Announcer,
    addresses::{from_octets, to_octets},
    limits::{MAX_DATAGRAM_BYTES, MAX_HINTS},
};

/// How every datagram begins: the name of the protocol and its version.
pub const MAGIC: &[u8; 4] = b"CWY1";

/// What `Signed` adds to its body at most: two tags, two lengths, the signature.
const ENVELOPE_BYTES: usize = 1 + 2 + 1 + 1 + identity::SIGNATURE_BYTES;

/// A verified datagram.
#[derive(Debug, Clone, PartialEq)]
pub struct Datagram {
    /// Here, here and asking, or leaving.
    pub kind: Kind,
    /// Its author's announcement.
    pub said: Said,
    /// The description that the announcement names. Only its hash was checked, not its signature.
    pub description: Option<Signed>,
    /// Peers that its author knows; whether they may be dialled is another question.
    pub hints: Vec<Hint>,
}

/// An announcement, as far as it says anything new.
#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    /// Verified.
    New(Announcement),
    /// What is known of the author already. The datagram vouches for it; the announcement's own signature was not
    /// checked, so it is not there to be handed on.
    Again {
        /// The author.
        id: NodeId,
        /// Greater than the known one's, if it is no replay.
        sequence: u64,
    },
}

/// Where a peer may be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hint {
    /// The peer.
    pub id: NodeId,
    /// Its greeting port.
    pub address: SocketAddr,
}

/// Why a datagram was not taken in. Its sender is at fault; nothing of it was believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidDatagram {
    /// Larger than any of ours.
    #[error("the datagram has {0} bytes, at most {MAX_DATAGRAM_BYTES} are allowed")]
    TooLarge(usize),
    /// Another protocol, or another version of this one.
    #[error("the datagram does not begin with CWY1")]
    Foreign,
    /// Not an encoded message.
    #[error("the datagram cannot be decoded")]
    Undecodable,
    /// A field that breaks its bounds.
    #[error("the datagram's {0} is missing or out of bounds")]
    Field(&'static str),
    /// The announcement does not hold.
    #[error("in the datagram: {0}")]
    Announcement(#[from] InvalidRecord),
    /// Signed by somebody else than the announcement's author, or changed.
    #[error("the datagram's signature does not match the author of its announcement")]
    Signature,
}

impl InvalidDatagram {
    /// A short name for metrics.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::TooLarge(_) => "too_large",
            Self::Foreign => "foreign",
            Self::Undecodable => "undecodable",
            Self::Field(_) => "field",
            Self::Announcement(_) => "announcement",
            Self::Signature => "signature",
        }
    }
}

impl Said {
    /// The announcement, if it says anything new.
    pub const fn announcement(&self) -> Option<&Announcement> {
        match self {
            Self::New(announcement) => Some(announcement),
            Self::Again { .. } => None,
        }
    }

    /// The author.
    pub fn id(&self) -> NodeId {
        match self {
            Self::New(announcement) => announcement.id(),
            Self::Again { id, .. } => *id,
        }
    }

    /// The announcement's sequence.
    pub fn sequence(&self) -> u64 {
        match self {
            Self::New(announcement) => announcement.sequence(),
            Self::Again { sequence, .. } => *sequence,
        }
    }
}

/// Encodes and signs a datagram, with the description if it fits and is the one that is announced, and then with as many
/// of the hints as fit. Tells how many did.
pub fn encode(
    key: &NodeKey,
    kind: Kind,
    announcement: &Announcement,
    description: Option<&Description>,
    hints: impl IntoIterator<Item = Hint>,
) -> (Bytes, usize) {
    let mut message = v1::Datagram {
        kind: kind.into(),
        announcement: Some(announcement.signed().clone()),
        hints: Vec::new(),
        description: None,
    };
    let most = MAX_DATAGRAM_BYTES - MAGIC.len() - ENVELOPE_BYTES;
    let named = |description: &&Description| description.hash() == announcement.description_hash();
    message.description = description.filter(named).map(|description| description.signed().clone());
    if message.encoded_len() > most {
        message.description = None;
    }
    let mut room = most - message.encoded_len();
    for hint in hints.into_iter().take(MAX_HINTS) {
        let hint = hint.to_proto();
        // Tag and length of an entry take two bytes: an entry is shorter than 128.
        let size = 2 + hint.encoded_len();
        if size > room {
            break;
        }
        room -= size;
        message.hints.push(hint);
    }
    (seal(key, &message), message.hints.len())
}

/// Decodes and verifies a datagram.
///
/// # Errors
/// [`InvalidDatagram`] says what does not hold.
pub fn decode(datagram: &Bytes) -> Result<Datagram, InvalidDatagram> {
    decode_knowing(datagram, |_| None)
}

/// Like [`decode`], for whoever may know the author: what the known announcement says already is not verified again.
///
/// # Errors
/// [`InvalidDatagram`] says what does not hold.
pub fn decode_knowing<'a>(
    datagram: &Bytes,
    known: impl FnOnce(&NodeId) -> Option<&'a Announcement>,
) -> Result<Datagram, InvalidDatagram> {
    if datagram.len() > MAX_DATAGRAM_BYTES {
        return Err(InvalidDatagram::TooLarge(datagram.len()));
    }
    if !datagram.starts_with(MAGIC) {
        return Err(InvalidDatagram::Foreign);
    }
    let undecodable = |_| InvalidDatagram::Undecodable;
    let signed = Signed::decode(datagram.slice(MAGIC.len()..)).map_err(undecodable)?;
    let message = v1::Datagram::decode(signed.body.clone()).map_err(undecodable)?;
    let kind = match message.kind() {
        Kind::Unspecified => return Err(InvalidDatagram::Field("kind")),
        kind => kind,
    };
    if message.hints.len() > MAX_HINTS {
        return Err(InvalidDatagram::Field("number of hints"));
    }
    let hints = message.hints.iter().map(Hint::from_proto).collect::<Result<_, _>>()?;
    let announcement = message.announcement.ok_or(InvalidDatagram::Field("announcement"))?;
    // Whoever leaves says something new.
    let (said, hash) = read(announcement, |author| known(author).filter(|_| kind != Kind::Goodbye))?;
    verify(&said.id(), Context::Datagram, &signed.body, &signed.signature)
        .map_err(|_| InvalidDatagram::Signature)?;
    let is_named = |description: &Signed| Description::hash_of(description) == hash;
    if !message.description.as_ref().is_none_or(is_named) {
        return Err(InvalidDatagram::Field("description"));
    }
    Ok(Datagram { kind, said, description: message.description, hints })
}

/// The announcement, and the hash that it names.
fn read<'a>(
    announcement: Signed,
    known: impl FnOnce(&NodeId) -> Option<&'a Announcement>,
) -> Result<(Said, [u8; 32]), InvalidRecord> {
    if let Some(known) = author(&announcement).and_then(|author| known(&author))
        && let Some(sequence) = known.repeated_by(&announcement)
        && Announcer::start_of(sequence) == Announcer::start_of(known.sequence())
    {
        return Ok((Said::Again { id: known.id(), sequence }, known.description_hash()));
    }
    let announcement = Announcement::verify(announcement)?;
    let hash = announcement.description_hash();
    Ok((Said::New(announcement), hash))
}

/// Who claims to have written an announcement.
fn author(announcement: &Signed) -> Option<NodeId> {
    let message = v1::Announcement::decode(announcement.body.clone()).ok()?;
    NodeId::try_from(&message.node_id).ok()
}

fn seal(key: &NodeKey, message: &v1::Datagram) -> Bytes {
    let body = Bytes::from(message.encode_to_vec());
    let signature = key.sign(Context::Datagram, &body);
    let signed = Signed { body, signature };
    let mut datagram = BytesMut::with_capacity(MAGIC.len() + signed.encoded_len());
    datagram.put_slice(MAGIC);
    signed.encode(&mut datagram).expect("a growing buffer has room");
    datagram.freeze()
}

impl Hint {
    fn to_proto(self) -> v1::Hint {
        let address = to_octets(self.address.ip());
        v1::Hint { node_id: self.id.to_bytes(), address, port: self.address.port().into() }
    }

    fn from_proto(hint: &v1::Hint) -> Result<Self, InvalidDatagram> {
        let broken = InvalidDatagram::Field("hint");
        let id = NodeId::try_from(&hint.node_id).map_err(|_| broken.clone())?;
        let ip = from_octets(&hint.address).ok_or_else(|| broken.clone())?;
        let port = u16::try_from(hint.port).ok().filter(|port| *port > 0).ok_or(broken)?;
        Ok(Self { id, address: SocketAddr::new(ip, port) })
    }
}

#[cfg(test)]
mod tests;
