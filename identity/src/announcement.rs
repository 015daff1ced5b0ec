//! "I am here": the short-lived statement of presence.

use bytes::Bytes;
use proto::node::v1::{self, NodeKind, Ports, Signed};

use crate::{
    Context, Network, NodeId, NodeKey,
    record::{self, InvalidRecord, check_length},
};

/// The longest encoded announcement.
pub const MAX_ANNOUNCEMENT_BYTES: usize = 512;
/// The most homes of a node.
pub const MAX_HOMES: usize = 4;

/// A verified announcement. How long it is believed is the receiver's own affair.
#[derive(Debug, Clone, PartialEq)]
pub struct Announcement {
    id: NodeId,
    kind: NodeKind,
    sequence: u64,
    network: Network,
    ports: Ports,
    homes: Vec<NodeId>,
    description_hash: [u8; 32],
    signed: Signed,
}

impl Announcement {
    /// Signs an announcement. `node_id` of the message is set to the key's.
    ///
    /// # Errors
    /// [`InvalidRecord`] for a field out of bounds.
    pub fn sign(key: &NodeKey, mut message: v1::Announcement) -> Result<Self, InvalidRecord> {
        message.node_id = key.node_id().to_bytes();
        let signed = record::sign(key, Context::Announcement, &message);
        Self::verify(signed)
    }

    /// Checks bounds and signature.
    ///
    /// # Errors
    /// [`InvalidRecord`] says what does not hold.
    pub fn verify(signed: Signed) -> Result<Self, InvalidRecord> {
        let message: v1::Announcement = record::decode(&signed, MAX_ANNOUNCEMENT_BYTES)?;
        let id = record::node_id("node id", &message.node_id)?;
        let kind = match message.kind() {
            NodeKind::Unspecified => return Err(InvalidRecord::Field("kind")),
            kind => kind,
        };
        let network = Network::from_proto(message.network.as_ref().ok_or(InvalidRecord::Field("network"))?)?;
        let ports = message.ports.ok_or(InvalidRecord::Field("ports"))?;
        check_ports(&ports)?;
        let homes = homes(&message.homes)?;
        check_length("description hash", &message.description_hash, 32)?;
        record::verify(&id, Context::Announcement, &signed)?;
        let description_hash = message
            .description_hash
            .as_ref()
            .try_into()
            .map_err(|_| InvalidRecord::Field("description hash"))?;
        Ok(Self { id, kind, sequence: message.sequence, network, ports, homes, description_hash, signed })
    }

    /// The sequence of another record that claims to be of this author and says nothing else than this one, or none
    /// when it says something else. Its signature is not checked: this is for whoever has it from the author by another
    /// signature, and keeps this one instead.
    pub fn repeated_by(&self, signed: &Signed) -> Option<u64> {
        let message: v1::Announcement = record::decode(signed, MAX_ANNOUNCEMENT_BYTES).ok()?;
        let same = message.node_id == self.id.as_bytes()[..]
            && message.kind() == self.kind
            && message.network.as_ref().is_some_and(|network| *network == self.network.to_proto())
            && message.ports.as_ref() == Some(&self.ports)
            && message
                .homes
                .iter()
                .map(|home| &home[..])
                .eq(self.homes.iter().map(|home| &home.as_bytes()[..]))
            && message.description_hash == self.description_hash[..];
        same.then_some(message.sequence)
    }

    /// The author.
    pub fn id(&self) -> NodeId {
        self.id
    }

    /// What the node is.
    pub fn kind(&self) -> NodeKind {
        self.kind
    }

    /// Strictly growing over all announcements of the node: an old or equal one is a replay.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The network that the node says it is in.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The ports the node listens on, 0 where it does not.
    pub fn ports(&self) -> &Ports {
        &self.ports
    }

    /// The bridges through which the node wants to be reached.
    pub fn homes(&self) -> &[NodeId] {
        &self.homes
    }

    /// The hash of the description that goes with it.
    pub fn description_hash(&self) -> [u8; 32] {
        self.description_hash
    }

    /// The exact bytes and their signature.
    pub fn signed(&self) -> &Signed {
        &self.signed
    }
}

fn check_ports(ports: &Ports) -> Result<(), InvalidRecord> {
    let all = [ports.secure, ports.greeting, ports.control, ports.proxy, ports.link];
    if all.iter().all(|port| *port <= u32::from(u16::MAX)) {
        Ok(())
    } else {
        Err(InvalidRecord::Field("ports"))
    }
}

fn homes(homes: &[Bytes]) -> Result<Vec<NodeId>, InvalidRecord> {
    if homes.len() > MAX_HOMES {
        return Err(InvalidRecord::Field("number of homes"));
    }
    homes.iter().map(|home| record::node_id("home", home)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> v1::Announcement {
        v1::Announcement {
            sequence: 9,
            kind: NodeKind::Peer.into(),
            network: Some(Network::named("home").to_proto()),
            ports: Some(Ports { secure: 30_000, greeting: 30_001, ..Ports::default() }),
            homes: vec![NodeId::from_bytes([5; 32]).to_bytes()],
            description_hash: Bytes::from_static(&[3; 32]),
            ..v1::Announcement::default()
        }
    }

    #[test]
    fn a_signed_announcement_verifies() {
        let key = NodeKey::from_seed([1; 32]);
        let announcement = Announcement::sign(&key, message()).unwrap();
        assert_eq!(Announcement::verify(announcement.signed().clone()), Ok(announcement.clone()));
        assert_eq!(announcement.homes(), [NodeId::from_bytes([5; 32])]);
    }

    #[test]
    fn what_says_the_same_later_repeats_it_and_nothing_else_does() {
        let key = NodeKey::from_seed([1; 32]);
        let first = Announcement::sign(&key, message()).unwrap();
        let repeated = |edit: fn(&mut v1::Announcement)| {
            let mut message = message();
            edit(&mut message);
            first.repeated_by(Announcement::sign(&key, message).unwrap().signed())
        };
        assert_eq!(repeated(|message| message.sequence = 10), Some(10));
        assert_eq!(repeated(|message| message.kind = NodeKind::Bridge.into()), None);
        assert_eq!(repeated(|message| message.network = Some(Network::named("work").to_proto())), None);
        assert_eq!(repeated(|message| message.ports = Some(Ports::default())), None);
        assert_eq!(repeated(|message| message.homes.clear()), None);
        assert_eq!(repeated(|message| message.description_hash = Bytes::from_static(&[4; 32])), None);
        let stranger = Announcement::sign(&NodeKey::from_seed([2; 32]), message()).unwrap();
        assert_eq!(first.repeated_by(stranger.signed()), None);
    }

    #[test]
    fn a_forged_or_overlong_announcement_is_refused() {
        let key = NodeKey::from_seed([1; 32]);
        let mut stolen = message();
        stolen.node_id = NodeKey::from_seed([2; 32]).node_id().to_bytes();
        let forged = record::sign(&key, Context::Announcement, &stolen);
        assert_eq!(Announcement::verify(forged), Err(InvalidRecord::Signature));
        let many = v1::Announcement { homes: vec![Bytes::from_static(&[1; 32]); 5], ..message() };
        assert_eq!(Announcement::sign(&key, many), Err(InvalidRecord::Field("number of homes")));
        let port =
            v1::Announcement { ports: Some(Ports { secure: 65_536, ..Ports::default() }), ..message() };
        assert_eq!(Announcement::sign(&key, port), Err(InvalidRecord::Field("ports")));
    }

    #[test]
    fn the_largest_announcement_fits_its_bound() {
        let most = v1::Announcement {
            sequence: u64::MAX,
            network: Some(v1::Network { name: "n".repeat(32), id: Bytes::from_static(&[1; 16]) }),
            ports: Some(Ports {
                secure: 65_535,
                greeting: 65_535,
                control: 65_535,
                proxy: 65_535,
                link: 65_535,
            }),
            homes: vec![Bytes::from_static(&[1; 32]); MAX_HOMES],
            ..message()
        };
        let announcement = Announcement::sign(&NodeKey::from_seed([1; 32]), most).unwrap();
        assert!(announcement.signed().body.len() <= MAX_ANNOUNCEMENT_BYTES);
    }
}
