//! What the core says must be done, and who does it.

use conversation::{Input, Output};

use super::Actor;
use crate::{command::Sent, wall};

impl Actor {
    /// Gives the core an input, and does what it says.
    pub(super) fn feed(&mut self, input: Input) {
        let mut out = Vec::new();
        self.core.handle(input, wall::now_ms(), &mut out);
        for output in out {
            self.on_output(output);
        }
    }

    fn on_output(&mut self, output: Output) {
        match output {
            Output::Append(record) => self.writer.push(record),
            Output::Transmit { session, frame } => self.transmit(session, frame),
            Output::Close { session, reason, detail } => self.close(session, reason, detail),
            Output::Active { peer, session, skew_ms } => self.on_active(peer, session, skew_ms),
            Output::Inactive { peer, .. } => self.on_inactive(peer),
            Output::Queued { request, id, position, sent_at_ms } => {
                self.on_queued(request, Sent { id, position, sent_at_ms });
            }
            Output::Rejected { request, error } => self.on_rejected(request, &error),
            Output::Decided { request } => self.on_decided(request),
            Output::Marked { request, messages } => self.on_marked(request, messages),
            Output::Received { id, .. } => {
                self.metrics.stored_in.inc();
                // What was being written is here.
                self.typing.remove(&id.sender);
            }
            Output::Delivered { peer, epoch, through } => self.on_delivered(peer, epoch, through),
            Output::Renumbered { from, to } => self.on_renumbered(from, to),
            Output::Refused { id } => self.wake_waiters(&id, None),
            Output::Typing { peer, active } => self.on_typing(peer, active),
            Output::Fetch { peer, from } => self.on_fetch(peer, from),
            Output::Warned => {
                self.changed = true;
                if let Some(warning) = self.core.warnings().last() {
                    tracing::warn!("{warning}");
                }
            }
            _ => {}
        }
    }
}
