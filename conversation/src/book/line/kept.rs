//! What a checkpoint keeps of a line.

use proto::history::v1::checkpoint as kept;

use super::{Line, Receipt, Routes};
use crate::{
    Epoch, event,
    steps::{steps, sums},
};

impl Line {
    pub(in crate::book) fn keep(&self, epoch: Epoch) -> kept::Line {
        let refusal = |(sequence, (reason, at_ms)): (&u64, &(String, u64))| kept::Refusal {
            sequence: *sequence,
            reason: reason.clone(),
            at_ms: *at_ms,
        };
        kept::Line {
            epoch: epoch.to_bytes(),
            first: self.first,
            position_steps: steps(self.positions.iter().copied()),
            delivered: Some(columns(&self.delivered)),
            read: Some(columns(&self.read)),
            refused: self.refused.iter().map(refusal).collect(),
            replaced_steps: steps(self.replaced.iter().copied()),
        }
    }

    pub(in crate::book) fn restore(kept: &kept::Line) -> Option<Self> {
        let refusal = |it: &kept::Refusal| (it.sequence, (it.reason.clone(), it.at_ms));
        Some(Self {
            first: kept.first,
            positions: sums(&kept.position_steps),
            delivered: receipts(kept.delivered.as_ref()?)?,
            read: receipts(kept.read.as_ref()?)?,
            refused: kept.refused.iter().map(refusal).collect(),
            replaced: sums(&kept.replaced_steps).into_iter().collect(),
        })
    }
}

impl Routes {
    pub(in crate::book) fn keep(&self) -> Vec<kept::Route> {
        self.0.iter().map(|hops| kept::Route { bridges: event::nodes(hops) }).collect()
    }

    pub(in crate::book) fn restore(kept: &[kept::Route]) -> Self {
        Self(kept.iter().map(|route| event::parse_nodes(&route.bridges)).collect())
    }
}

fn columns(receipts: &[Receipt]) -> kept::Receipts {
    // Clocks are set back: their steps may be negative, and stay small when they are.
    let at = steps(receipts.iter().map(|receipt| receipt.at_ms));
    kept::Receipts {
        through_steps: steps(receipts.iter().map(|receipt| receipt.through)),
        at_steps: at.into_iter().map(u64::cast_signed).collect(),
        routes: receipts.iter().map(|receipt| receipt.route).collect(),
    }
}

fn receipts(kept: &kept::Receipts) -> Option<Vec<Receipt>> {
    let through = sums(&kept.through_steps);
    let at: Vec<_> = kept.at_steps.iter().map(|step| step.cast_unsigned()).collect();
    let at = sums(&at);
    if through.len() != at.len() || through.len() != kept.routes.len() {
        return None;
    }
    let rows = through.into_iter().zip(at).zip(&kept.routes);
    Some(rows.map(|((through, at_ms), route)| Receipt { through, at_ms, route: *route }).collect())
}
