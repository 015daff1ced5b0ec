//! `topology`: the past of two linked bridges, wherever it is looked at.

mod files;
mod following;
mod places;
mod reading;
mod refusals;
mod summaries;

use super::{
    CHECK_FAILED, FAILED, NOT_FOUND, NOT_RUNNING, OK, USAGE, assert_answer, assert_fields, assert_time,
};
use crate::support::{Node, Past, Towns, eventually, text, wait_until_held};

/// What every event has.
const EVENT: [&str; 9] =
    ["id", "time", "bridge", "bridge_name", "network", "kind", "subject", "subject_name", "text"];
/// What every way has.
const ROUTE: [&str; 4] = ["bridges", "names", "cost_us", "reason"];

/// Two linked bridges, Anna at home and Carla in the cloud, and a moment by which the logs say all of that. Nothing that
/// comes to be known later happened before it.
struct Story {
    anna: Node,
    carla: Node,
    moment: String,
    towns: Towns,
}

impl Story {
    fn begin() -> Self {
        Self::begin_with(&[])
    }

    /// The same, with further arguments for both bridges.
    fn begin_with(arguments: &[&str]) -> Self {
        let towns = Towns::start_with(arguments);
        let (anna, carla) = (towns.at_home("anna"), towns.in_cloud("carla"));
        let past = Past::of(&towns.attic);
        eventually("the attic's logs have both, registered, and the ways to them", || {
            let state = past.json(&["show"]);
            let bridges = |name: &str| {
                let peer = state.iter().find(|row| row["type"] == "peer" && row["name"] == name)?;
                let registered = peer["homes"][0]["how"] == "registered";
                registered.then(|| peer["route"]["bridges"].as_array().map(Vec::len))?
            };
            (bridges("anna") == Some(1) && bridges("carla") == Some(2)).then_some(())
        });
        let moment = past.last_time();
        wait_until_held(&towns.attic, &towns.attic);
        wait_until_held(&towns.tower, &towns.attic);
        Self { anna, carla, moment, towns }
    }

    /// What the attic holds.
    fn past(&self) -> Past {
        Past::of(&self.towns.attic)
    }

    /// The attic's logs in a file.
    fn exported(&self, name: &str) -> std::path::PathBuf {
        let file = self.towns.folder().join(name);
        crate::support::export(&self.towns.attic, &file);
        file
    }
}

/// The ids of events.
fn ids(events: &[serde_json::Value]) -> Vec<String> {
    events.iter().map(|event| text(event, "id").to_owned()).collect()
}
