//! Folding alone, to be measured.

use crate::{
    event::Event,
    fold::{Fold, Touched},
};

/// Folds the events of one log, the first one first, and checks nothing of them: hashes and signatures are what loading a
/// log and taking a segment check. Gives how many peers and links the log claims at its end.
pub fn folded(events: &[Event]) -> (usize, usize) {
    let (mut fold, mut touched) = (Fold::default(), Touched::default());
    events.iter().for_each(|event| fold.apply(event, &mut touched));
    (fold.peers.len(), fold.links.len())
}
