//! What a checkpoint keeps of the messages of one peer.

use proto::history::v1::checkpoint as kept;

use super::{InEpoch, Inbound};
use crate::{ChainHash, Epoch, Head};

impl Inbound {
    /// Of a history that was just folded: nothing is written that is not stored.
    pub(crate) fn keep(&self) -> (Vec<kept::InEpoch>, u64) {
        (self.epochs.iter().map(InEpoch::keep).collect(), self.forgotten)
    }

    /// `None` if that was never kept so.
    pub(crate) fn restore(epochs: &[kept::InEpoch], forgotten: u64) -> Option<Self> {
        Some(Self { epochs: epochs.iter().map(InEpoch::restore).collect::<Option<_>>()?, forgotten })
    }
}

impl InEpoch {
    fn keep(&self) -> kept::InEpoch {
        kept::InEpoch {
            epoch: self.epoch.to_bytes(),
            through: self.durable.through,
            hash: self.durable.hash.to_bytes(),
            read: self.read,
            hidden: self.hidden,
            recent: self.recent.iter().copied().collect(),
            conflict_told: self.conflict_told,
        }
    }

    fn restore(kept: &kept::InEpoch) -> Option<Self> {
        let durable = Head { through: kept.through, hash: ChainHash::parse(&kept.hash)? };
        Some(Self {
            epoch: Epoch::parse(&kept.epoch)?,
            written: durable,
            durable,
            read: kept.read,
            hidden: kept.hidden,
            recent: kept.recent.iter().copied().collect(),
            conflict_told: kept.conflict_told,
        })
    }
}
