//! A link that is up.

use std::{
    sync::{Arc, OnceLock},
    time::{Duration, Instant, SystemTime},
};

use identity::NodeId;
use proto::link::v1::Close;
use quinn::{Connection, VarInt};
use tokio_util::sync::CancellationToken;

use super::{CROSSED, Wanted};
use crate::{
    endpoint::{GOSSIP_WINDOW, SEND_WINDOW, remote_of},
    link::{Introduction, LinkState, LinkStatus, close::close, gossip::FrameQueue, limits::StreamLimits},
    stream::{Credit, Metrics, Quota},
};

/// Why this side closes a link, once it does.
pub(in crate::link) type Verdict = Arc<OnceLock<(Close, String)>>;

/// Both connections of a link and what belongs to them.
pub(in crate::link) struct Live {
    pub(in crate::link) connection: u64,
    pub(super) gossip: Connection,
    pub(super) streams: Connection,
    pub(super) frames: FrameQueue,
    pub(super) credit: Arc<Credit>,
    /// Streams opened here.
    pub(super) outgoing: Quota<NodeId>,
    /// Streams opened by the other side.
    incoming: Quota<NodeId>,
    pub(super) introduction: Introduction,
    /// Cancelled once `Down` was told.
    pub(super) told: CancellationToken,
    verdict: Verdict,
    dialled: bool,
    since: Instant,
    since_wall: SystemTime,
}

/// What the task of a link gets from the table.
pub(in crate::link) struct Admitted {
    pub(in crate::link) connection: u64,
    pub(in crate::link) credit: Arc<Credit>,
    pub(in crate::link) incoming: Quota<NodeId>,
    pub(in crate::link) told: CancellationToken,
    pub(in crate::link) verdict: Verdict,
    /// The link that this one replaced: its `Down` comes before this one's `Up`.
    pub(in crate::link) previous: Option<CancellationToken>,
}

impl Live {
    pub(in crate::link) fn new(
        connection: u64,
        (gossip, streams): (Connection, Connection),
        frames: FrameQueue,
        (introduction, dialled): (Introduction, bool),
        (limits, metrics): (&StreamLimits, &Metrics),
    ) -> Self {
        gossip.set_receive_window(VarInt::from_u32(GOSSIP_WINDOW));
        let allowed = limits.streams_per_link.saturating_add(limits.streams_margin);
        streams.set_max_concurrent_bi_streams(VarInt::from_u32(allowed));
        let quota = || Quota::new(limits.streams_per_link as usize, limits.streams_per_link as usize);
        Self {
            connection,
            gossip,
            credit: Credit::new(metrics, streams.clone()),
            streams,
            frames,
            outgoing: quota(),
            incoming: quota(),
            introduction,
            told: CancellationToken::new(),
            verdict: Verdict::default(),
            dialled,
            since: Instant::now(),
            since_wall: SystemTime::now(),
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.gossip.close_reason().is_none() && self.streams.close_reason().is_none()
    }

    /// Which of two links between the same bridges stays. Both sides come to the same answer.
    pub(super) fn takes_over(&self, old: &Self, own: NodeId) -> bool {
        if !old.is_open() || old.dialled == self.dialled || old.since.elapsed() > CROSSED {
            // Nobody dials a link that is up: the other side has lost the old one.
            return true;
        }
        // Both dialled at once: the link that the smaller id dialled stays.
        let other = old.introduction.description.id();
        self.dialled == (own < other)
    }

    pub(super) fn admitted(&self) -> Admitted {
        Admitted {
            connection: self.connection,
            credit: Arc::clone(&self.credit),
            incoming: self.incoming.clone(),
            told: self.told.clone(),
            verdict: Arc::clone(&self.verdict),
            previous: None,
        }
    }

    pub(super) fn close(&self, code: Close, sentence: &str) {
        // The first verdict counts. It is there before either connection ends, so the link's task passes it on.
        let _ = self.verdict.set((code, sentence.to_owned()));
        close(&self.gossip, code, sentence);
        close(&self.streams, code, sentence);
    }

    pub(super) fn resize(&self, window: u32) {
        self.streams.set_receive_window(VarInt::from_u32(window));
        // What waits for acknowledgements is bounded over all links by the same total.
        self.streams.set_send_window(SEND_WINDOW.min(window.into()));
    }

    pub(super) const fn was_dialled(&self) -> bool {
        self.dialled
    }

    pub(super) fn status(&self, bridge: NodeId, wanted: Option<&Wanted>) -> LinkStatus {
        let remote = remote_of(&self.gossip);
        let stats = [self.gossip.stats(), self.streams.stats()];
        LinkStatus {
            bridge,
            address: wanted.map_or_else(|| remote.to_string(), |wanted| wanted.host_port().to_owned()),
            state: LinkState::Up,
            since: self.since_wall,
            reason: String::new(),
            configured: wanted.is_some(),
            dialled: self.dialled,
            connection: Some(self.connection),
            description: Some(self.introduction.description.clone()),
            network: Some(self.introduction.network.clone()),
            rtt: self.gossip.rtt().max(Duration::from_micros(1)),
            bytes_in: stats.iter().map(|stats| stats.udp_rx.bytes).sum(),
            bytes_out: stats.iter().map(|stats| stats.udp_tx.bytes).sum(),
        }
    }
}
