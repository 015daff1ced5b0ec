//! Greetings on behalf of the peers that the log knows, and the introductions that come with them.

use discovery::{
    Discovery,
    greeting::{Known, Met, Resolver},
};
use identity::NodeId;

use crate::table::Table;

/// Answers from the table; whoever greets is heard.
#[derive(Debug)]
pub(crate) struct Greeter {
    pub(crate) table: Table,
    pub(crate) discovery: Discovery,
}

impl Resolver for Greeter {
    fn known(&self, wanted: &NodeId) -> Option<Known> {
        if let Some(known) = self.table.peer(wanted) {
            let description = known.description.as_deref()?.clone();
            // Records that do not belong together would be refused as such.
            let fits = known.announcement.description_hash() == description.hash();
            let announcement = fits.then(|| known.announcement.as_ref().clone());
            return Some(Known { description, announcement });
        }
        let bridge = self.table.bridge(wanted)?;
        let description = bridge.description.as_deref()?.clone();
        Some(Known { description, announcement: None })
    }

    fn met(&self, met: Met) {
        if !self.discovery.met(met) {
            tracing::debug!("too much is going on to take in a greeting; it will come again");
        }
    }
}
