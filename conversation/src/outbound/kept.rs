//! What a checkpoint keeps of the messages to one peer.

use std::collections::VecDeque;

use proto::history::v1::checkpoint as kept;

use super::{OutEpoch, Outbound, Waiting};
use crate::{
    ChainHash, Epoch, Head, envelope,
    steps::{steps, sums},
};

impl Outbound {
    /// Of a history that was just folded: nothing is under way, and nothing written that is not stored.
    pub(crate) fn keep(&self) -> (Vec<kept::OutEpoch>, Vec<kept::Waiting>) {
        let epochs = self.epochs.iter().map(OutEpoch::keep).collect();
        let waiting = |it: &Waiting| kept::Waiting {
            envelope: it.envelope.clone(),
            hash: it.head.hash.to_bytes(),
            position: it.position,
        };
        (epochs, self.outbox.iter().map(waiting).collect())
    }

    /// `None` if that was never kept so.
    pub(crate) fn restore(epochs: &[kept::OutEpoch], outbox: &[kept::Waiting]) -> Option<Self> {
        let epochs = epochs.iter().map(OutEpoch::restore).collect::<Option<Vec<_>>>()?;
        let outbox = outbox.iter().map(waiting).collect::<Option<VecDeque<_>>>()?;
        let bytes = outbox.iter().map(|waiting| waiting.envelope.len()).sum();
        Some(Self { epochs, outbox, bytes, ..Self::default() })
    }
}

impl OutEpoch {
    fn keep(&self) -> kept::OutEpoch {
        kept::OutEpoch {
            epoch: self.epoch.to_bytes(),
            through: self.durable.through,
            hash: self.durable.hash.to_bytes(),
            delivered: self.delivered,
            read: self.read,
            ahead: self.ahead,
            mark_steps: steps(self.marks.iter().copied()),
        }
    }

    fn restore(kept: &kept::OutEpoch) -> Option<Self> {
        let durable = Head { through: kept.through, hash: ChainHash::parse(&kept.hash)? };
        Some(Self {
            epoch: Epoch::parse(&kept.epoch)?,
            written: durable,
            durable,
            delivered: kept.delivered,
            read: kept.read,
            ahead: kept.ahead,
            marks: sums(&kept.mark_steps),
        })
    }
}

fn waiting(kept: &kept::Waiting) -> Option<Waiting> {
    let id = envelope::id_of(&kept.envelope)?;
    let head = Head { through: id.sequence, hash: ChainHash::parse(&kept.hash)? };
    Some(Waiting { id, head, envelope: kept.envelope.clone(), position: kept.position })
}
