//! What links tell, as inputs of the core.

use identity::NodeId;
use topology::{Input, LinkId, frame};

use super::Actor;
use crate::link::{LinkEvent, LinkSample, LinkUp};

/// A link that is up.
#[derive(Debug)]
pub(super) struct Up {
    pub(super) bridge: NodeId,
    /// Packets sent and lost at the last sample.
    sent: u64,
    lost: u64,
}

impl Actor {
    pub(super) fn on_link_event(&mut self, event: LinkEvent) {
        match event {
            LinkEvent::Up(up) => self.on_link_up(up),
            LinkEvent::Frame { bridge, connection, frame } => self.on_frame(bridge, connection, frame),
            LinkEvent::Down { bridge, connection, reason } => self.on_link_down(bridge, connection, reason),
            LinkEvent::DialFailed { bridge, address, reason } => {
                self.metrics.dial_failed();
                self.input(Input::DialFailed { bridge: Some(bridge), address, reason });
            }
            LinkEvent::Sample(sample) => self.on_sample(sample),
        }
    }

    fn on_link_up(&mut self, up: LinkUp) {
        let LinkUp { bridge, connection, remote, dialled, .. } = up;
        tracing::info!(bridge = %bridge.short(), %remote, dialled, "link up");
        self.up.insert(connection, Up { bridge, sent: 0, lost: 0 });
        let address = remote.to_string();
        self.input(Input::LinkUp { link: LinkId(connection), bridge, dialled, address });
    }

    fn on_link_down(&mut self, bridge: NodeId, connection: u64, reason: String) {
        tracing::info!(bridge = %bridge.short(), reason, "link down");
        self.up.remove(&connection);
        if !self.up.values().any(|up| up.bridge == bridge) {
            self.metrics.forget(bridge);
        }
        self.input(Input::LinkDown { link: LinkId(connection), reason });
    }

    fn on_frame(&mut self, bridge: NodeId, connection: u64, bytes: bytes::Bytes) {
        // A frame that was under way when the core closed the link.
        if !self.up.contains_key(&connection) {
            return;
        }
        self.metrics.gossip_received(bridge, bytes.len());
        let link = LinkId(connection);
        match frame::decode(bytes) {
            Ok(frame) => self.input(Input::Frame { link, frame }),
            Err(error) => {
                self.up.remove(&connection);
                self.links.close(bridge, connection, &error.to_string());
                self.input(Input::LinkDown { link, reason: error.to_string() });
                self.warn(format!("bridge {bridge} sent {error}; the link was closed"));
            }
        }
    }

    fn on_sample(&mut self, sample: LinkSample) {
        let Some(up) = self.up.get_mut(&sample.connection) else { return };
        let sent = sample.sent.saturating_sub(up.sent);
        let lost = sample.lost.saturating_sub(up.lost);
        (up.sent, up.lost) = (sample.sent, sample.lost);
        let loss = lost.saturating_mul(1_000_000).checked_div(sent).unwrap_or(0).min(1_000_000);
        self.input(Input::LinkSample {
            link: LinkId(sample.connection),
            rtt_us: u32::try_from(sample.rtt.as_micros()).unwrap_or(u32::MAX),
            loss_ppm: u32::try_from(loss).unwrap_or(u32::MAX),
        });
    }
}
