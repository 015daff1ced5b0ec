//! What a checkpoint keeps of the messages that were sent under a `once`.

use identity::NodeId;
use proto::history::v1::checkpoint as kept;

use super::{Onces, Sent};
use crate::{Epoch, MessageId};

impl Onces {
    pub(crate) fn keep(&self) -> Vec<kept::Once> {
        let kept = |once| self.known.get(once).map(|sent: &Sent| sent.keep(once));
        self.order.iter().filter_map(kept).collect()
    }

    /// `None` if that was never kept so.
    pub(crate) fn restore(kept: &[kept::Once]) -> Option<Self> {
        let mut onces = Self::default();
        for one in kept {
            let id = MessageId {
                sender: NodeId::try_from(&one.sender).ok()?,
                recipient: NodeId::try_from(&one.recipient).ok()?,
                epoch: Epoch::parse(&one.epoch)?,
                sequence: one.sequence,
            };
            onces.remember(&one.once, (id, one.at_ms), one.position);
        }
        Some(onces)
    }
}

impl Sent {
    fn keep(&self, once: &bytes::Bytes) -> kept::Once {
        kept::Once {
            once: once.clone(),
            sender: self.id.sender.to_bytes(),
            recipient: self.id.recipient.to_bytes(),
            epoch: self.id.epoch.to_bytes(),
            sequence: self.id.sequence,
            position: self.position,
            at_ms: self.at_ms,
        }
    }
}
