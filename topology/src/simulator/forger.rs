//! Logs written by hand, honest or not.

use bytes::Bytes;
use identity::{Context, Network, NetworkId, NodeId, NodeKey};
use prost::Message;
use proto::log::v1::{self, How, Kind, Segment};

use super::{node, peer};
use crate::{
    Entry, Epoch, Head, Hlc, LogId, NO_HASH,
    event::Event,
    limits::{MAX_SEGMENT_EVENTS, SIGN_EVERY_BYTES},
    segment::{chain, digest},
};

/// One log under somebody's pen.
#[derive(Debug, Clone)]
pub struct Forger {
    /// The owner's key.
    pub key: NodeKey,
    /// The log.
    pub log: LogId,
    /// What was written.
    pub entries: Vec<Entry>,
    /// Its network.
    pub network: Network,
}

impl Forger {
    /// A log that begins with its bridge's start. `number` chooses key and network, `run` the epoch.
    pub fn new(number: u64, run: u8) -> Self {
        let key = node::peer_key(u64::MAX, number);
        let epoch = Epoch::after(None, 1_000 + i64::from(run), [run; 10]);
        let mut id = [9; 16];
        id[..8].copy_from_slice(&number.to_be_bytes());
        let network = Network { name: format!("net{number}"), id: Some(NetworkId::from_bytes(id)) };
        Self::of(key, epoch, network)
    }

    /// A log of this key and epoch that begins with its bridge's start.
    pub fn of(key: NodeKey, epoch: Epoch, network: Network) -> Self {
        Self::begun(key, epoch, network, 0)
    }

    /// A later log of the same owner, whose first `restates` events are to say again what held before.
    pub fn renewed(&self, run: u8, restates: u64) -> Self {
        let epoch = Epoch::after(None, 1_000 + i64::from(run), [run; 10]);
        Self::begun(self.key.clone(), epoch, self.network.clone(), restates)
    }

    fn begun(key: NodeKey, epoch: Epoch, network: Network, restates: u64) -> Self {
        let log = LogId { owner: key.node_id(), epoch };
        let mut forger = Self { key, log, entries: Vec::new(), network };
        let started = v1::BridgeStarted {
            epoch: epoch.to_bytes(),
            network: Some(forger.network.to_proto()),
            format: 1,
            restates,
            ..Default::default()
        };
        forger.write(Kind::BridgeStarted, &started);
        forger
    }

    /// The owner.
    pub fn id(&self) -> NodeId {
        self.log.owner
    }

    /// Writes an event.
    pub fn write(&mut self, kind: Kind, payload: &impl Message) {
        let sequence = self.entries.len() as u64 + 1;
        let event = Event::encode(sequence, Hlc::at(1_000 + sequence), kind, payload.encode_to_vec());
        self.write_bytes(event);
    }

    /// Writes whatever bytes as the next event.
    pub fn write_bytes(&mut self, event: Bytes) {
        let previous = self.entries.last().map_or(NO_HASH, |entry| entry.hash);
        let hash = chain(&previous, &digest(&event));
        self.entries.push(Entry { event, hash, signature: Bytes::new() });
    }

    /// Writes that a link is up, a cheap one.
    pub fn link_up(&mut self, bridge: NodeId) {
        self.link_up_at(bridge, 1_000);
    }

    /// Writes that a link of this cost is up.
    pub fn link_up_at(&mut self, bridge: NodeId, cost_us: u64) {
        self.write(Kind::LinkUp, &v1::LinkUp { bridge: bridge.to_bytes(), cost_us });
    }

    /// Writes that a link is down.
    pub fn link_down(&mut self, bridge: NodeId) {
        let reason = "cut".to_owned();
        self.write(Kind::LinkDown, &v1::LinkDown { bridge: bridge.to_bytes(), reason });
    }

    /// Writes a claim of a peer that names these homes and that network.
    pub fn claim(&mut self, number: u64, how: How, homes: &[NodeId], network: &Network) -> NodeId {
        let key = node::peer_key(u64::MAX - 1, number);
        let (description, announcement) = peer(&key, network, homes);
        let claim = v1::PeerClaim {
            node_id: key.node_id().to_bytes(),
            how: how.into(),
            description: Some(description.signed().clone()),
            announcement: Some(announcement.signed().clone()),
        };
        self.write(Kind::PeerJoined, &claim);
        key.node_id()
    }

    /// Writes an update of such a claim: a new announcement, and the description that was claimed before.
    pub fn update(&mut self, number: u64, how: How, homes: &[NodeId], network: &Network) {
        let key = node::peer_key(u64::MAX - 1, number);
        let (_, announcement) = peer(&key, network, homes);
        let claim = v1::PeerClaim {
            node_id: key.node_id().to_bytes(),
            how: how.into(),
            description: None,
            announcement: Some(announcement.signed().clone()),
        };
        self.write(Kind::PeerUpdated, &claim);
    }

    /// The head after an event.
    pub fn head(&self, sequence: u64) -> Head {
        let hash = self.entries.get((sequence as usize).wrapping_sub(1)).map_or(NO_HASH, |entry| entry.hash);
        Head { log: self.log, sequence, hash }
    }

    /// A signed segment of the events from `first` to `last`.
    pub fn segment(&self, first: u64, last: u64) -> Segment {
        let events = &self.entries[first as usize - 1..last as usize];
        Segment {
            owner: self.log.owner.to_bytes(),
            epoch: self.log.epoch.to_bytes(),
            first,
            previous: Bytes::copy_from_slice(&self.head(first - 1).hash),
            events: events.iter().map(|entry| entry.event.clone()).collect(),
            signature: self.key.sign(Context::LogHead, &self.head(last).signed_body()),
        }
    }

    /// All events in segments of `size`.
    pub fn segments(&self, size: u64) -> Vec<Segment> {
        let last = self.entries.len() as u64;
        (1..=last)
            .step_by(size as usize)
            .map(|first| self.segment(first, (first + size - 1).min(last)))
            .collect()
    }

    /// The entries as stored, signed as a real owner does: at the end, and every 64 events or 32 KiB.
    pub fn stored(&self) -> Vec<Entry> {
        let mut entries = self.entries.clone();
        let last = entries.len();
        let mut bytes = 0;
        for (index, entry) in entries.iter_mut().enumerate() {
            bytes += entry.event.len();
            if (index + 1) % MAX_SEGMENT_EVENTS == 0 || bytes >= SIGN_EVERY_BYTES || index + 1 == last {
                entry.signature = self.key.sign(Context::LogHead, &self.head(index as u64 + 1).signed_body());
                bytes = 0;
            }
        }
        entries
    }
}
