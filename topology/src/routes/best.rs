//! Which of a peer's homes is the best to go to.

use std::sync::Arc;

use identity::NodeId;
use proto::log::v1::How;

use super::Way;
use crate::{NoRoute, Route, fold::Claim};

/// The best fit way to one of a peer's homes: registered before heard, then cost, then id. With no way at all, why not,
/// if some home had a reason.
pub(crate) fn best_of<'c, 't>(
    claims: impl Iterator<Item = (NodeId, &'c Claim)>,
    way: impl Fn(&NodeId) -> Result<&'t Way, NoRoute>,
    fits: impl Fn(&[NodeId]) -> bool,
) -> Result<Route, Option<NoRoute>> {
    let mut best: Option<((bool, u64, NodeId), Route)> = None;
    let mut reason = None;
    for (home, claim) in claims {
        match way(&home) {
            Ok(way) if !fits(&way.bridges) => {}
            Ok(way) => {
                let registered = claim.how == How::Registered;
                let rank = (!registered, way.cost_us, home);
                if best.as_ref().is_none_or(|(other, _)| rank < *other) {
                    let (bridges, cost_us) = (Arc::clone(&way.bridges), way.cost_us);
                    best = Some((rank, Route { bridges, cost_us, registered, asleep: claim.asleep }));
                }
            }
            Err(why) => reason = Some(why),
        }
    }
    best.map(|(_, route)| route).ok_or(reason)
}
