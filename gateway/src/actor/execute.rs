//! Doing what the core wants done.

use bytes::Bytes;
use identity::NodeId;
use proto::link::v1::Frame;
use topology::{Entry, LinkId, LogId, Output, Warning, frame};

use super::Actor;
use crate::keeper::Write;

impl Actor {
    pub(super) fn execute(&mut self, output: Output) {
        match output {
            Output::Journal(record) => self.keeper.write(Write::Journal(record)),
            Output::Append { log, first, entries } => self.append(log, first, entries),
            Output::Store { log, first, entries } => {
                self.metrics.events_received(&entries);
                self.keeper.write(Write::Foreign { log, first, entries });
            }
            Output::Truncate { log, keep } => {
                let number = self.logs.cut(log, keep);
                self.keeper.write(Write::Truncate { log, keep, number });
            }
            Output::Forget { log } => {
                let number = self.logs.cut(log, 0);
                self.keeper.write(Write::Forget { log, number });
            }
            Output::Snapshot(snapshot) => self.keeper.write(Write::Snapshot(snapshot)),
            Output::Send { link, frame } => self.send(link, &frame),
            Output::Close { link, reason, .. } => self.close(link, &reason),
            Output::PeersChanged(ids) => self.changed_peers.extend(ids),
            Output::BridgesChanged(ids) => self.changed_bridges.extend(ids),
            Output::Warn(warning) => self.on_warning(&warning),
            other => tracing::error!(?other, "the core wants what this bridge cannot do"),
        }
    }

    /// What the core's view tells for as long as it holds need not be remembered here.
    fn on_warning(&mut self, warning: &Warning) {
        match warning {
            Warning::Storage { .. }
            | Warning::Skew { .. }
            | Warning::Fork { .. }
            | Warning::TooManyLinks { .. } => tracing::warn!("{warning}"),
            _ => self.warn(warning.to_string()),
        }
    }

    fn append(&self, log: LogId, first: u64, entries: Vec<Entry>) {
        self.metrics.events_appended(&entries);
        self.keeper.write(Write::Own { log, first, entries });
    }

    fn send(&self, link: LinkId, frame: &Frame) {
        let Some(bridge) = self.bridge_of(link) else { return };
        let bytes: Bytes = frame::encode(frame);
        self.metrics.gossip_sent(bridge, bytes.len());
        if self.links.send(bridge, link.0, bytes).is_err() {
            // The core's credit keeps a link from ever being this full: something is wrong with it, and a gossip that
            // lost a frame must begin anew.
            self.links.close(bridge, link.0, "frames waited too long");
        }
    }

    fn close(&mut self, link: LinkId, reason: &str) {
        let Some(bridge) = self.bridge_of(link) else { return };
        tracing::info!(bridge = %bridge.short(), reason, "closing the link");
        self.up.remove(&link.0);
        self.links.close(bridge, link.0, reason);
    }

    fn bridge_of(&self, link: LinkId) -> Option<NodeId> {
        self.up.get(&link.0).map(|up| up.bridge)
    }
}
