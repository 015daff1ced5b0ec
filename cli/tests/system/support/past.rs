//! Logs that tests look back at: of a bridge that runs or ran, of a bridge elsewhere, in a file.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use identity::NodeKey;
use serde_json::Value;

use super::{Answer, Node, eventually, json, program};

/// Where `causeway topology` looks.
#[derive(Debug, Clone)]
pub(crate) struct Past {
    /// For the settings of whoever asks.
    folder: PathBuf,
    place: Vec<OsString>,
}

impl Past {
    /// What is in a bridge's data directory, whether it runs or not.
    pub(crate) fn of(bridge: &Node) -> Self {
        Self::in_directory(bridge.data())
    }

    /// What is in a data directory.
    pub(crate) fn in_directory(data: &Path) -> Self {
        Self::new(data, ["--data".into(), data.into()])
    }

    /// What is in an exported file.
    pub(crate) fn in_file(file: &Path) -> Self {
        Self::new(file, ["--file".into(), file.into()])
    }

    /// A bridge on this machine by its control port, as somebody whose identity is in `asker`.
    pub(crate) fn at(bridge: &Node, asker: &Node) -> Self {
        let target = format!("127.0.0.1:{}/{}", bridge.port("control"), bridge.id());
        Self::new(asker.data(), ["--at".into(), target.into(), "--as".into(), asker.data().into()])
    }

    fn new<const N: usize>(beside: &Path, place: [OsString; N]) -> Self {
        let folder = beside.parent().expect("it lies in a test's folder").to_path_buf();
        Self { folder, place: place.into() }
    }

    /// `causeway topology` with these arguments.
    pub(crate) fn ask(&self, arguments: &[&str]) -> Answer {
        Answer::of(program(&self.folder).arg("topology").args(arguments).args(&self.place))
    }

    /// The text of an answer that must be good.
    pub(crate) fn tell(&self, arguments: &[&str]) -> String {
        let answer = self.ask(arguments);
        assert_eq!(answer.code, 0, "{:?} {arguments:?}: {answer:?}", self.place);
        answer.out
    }

    /// The same as JSON.
    pub(crate) fn json(&self, arguments: &[&str]) -> Vec<Value> {
        json::lines(&self.tell(&[arguments, &["--json"]].concat()))
    }

    /// The events of a kind.
    pub(crate) fn events(&self, kind: &str) -> Vec<Value> {
        self.json(&["log", "--kind", kind])
    }

    /// The time of the last event that is held.
    pub(crate) fn last_time(&self) -> String {
        json::text(&self.json(&["log", "--last", "1"])[0], "time").to_owned()
    }
}

/// Waits until `holder` has all that `bridge` has logged so far: a mark that is logged behind it came there.
pub(crate) fn wait_until_held(bridge: &Node, holder: &Node) {
    let mark = NodeKey::generate().node_id().to_string();
    let answer = bridge.causeway(&["trust", "add", &mark]);
    assert_eq!(answer.code, 0, "{answer:?}");
    eventually(&format!("{} holds the log of {}", holder.name(), bridge.name()), || {
        let marks = Past::of(holder).events("trust_changed");
        marks.iter().any(|event| event["subject"] == mark.as_str()).then_some(())
    });
}

/// Writes all that a bridge holds to a file.
pub(crate) fn export(bridge: &Node, file: &Path) {
    export_with(bridge, file, &[]);
}

/// The same with its journal.
pub(crate) fn export_journal(bridge: &Node, file: &Path) {
    export_with(bridge, file, &["--journal"]);
}

fn export_with(bridge: &Node, file: &Path, options: &[&str]) {
    let command = ["topology", "export", file.to_str().expect("tests choose such names")];
    let answer = bridge.causeway(&[&command, options].concat());
    assert_eq!(answer.code, 0, "{answer:?}");
}

/// What comes out when the journal of an exported file goes through the core again.
pub(crate) fn simulated(file: &Path) -> Vec<Value> {
    let folder = file.parent().expect("it lies in a test's folder");
    let answer = Answer::of(program(folder).args(["topology", "simulate", "--json"]).arg(file));
    assert_eq!(answer.code, 0, "{answer:?}");
    json::lines(&answer.out)
}
