//! A journal through the core again.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use identity::{Description, Network};
use prost::Message as _;
use proto::journal::v1::{Record, record};

use super::{BadRecord, Recorded, decode};
use crate::{
    Config, Core, Entry, Head, LogId, MemoryHistory, Output, Retention, Signer, Strict, Verifier, limits,
    past::Archive,
};

/// Replays a journal from its first `Start` on and keeps what the core would have stored.
#[derive(Debug)]
pub struct Replay<'a> {
    /// Where logs are that a run loaded and no record gives.
    logs: Option<&'a dyn Archive>,
    signer: Arc<dyn Signer>,
    history: MemoryHistory,
    core: Option<Core>,
    outputs: Vec<Output>,
}

/// Where a replay stops.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// A record cannot be read.
    #[error(transparent)]
    Record(#[from] BadRecord),
    /// The journal does not begin with a start; what came before it is gone.
    #[error("the journal does not begin with a start of the bridge")]
    NoStart,
    /// A run loaded a log that the replay of the runs before does not give.
    #[error("the journal's run loaded {found:?} of log {log}, but its records before give {replayed} events")]
    Loaded {
        /// The log.
        log: LogId,
        /// The events that the run loaded.
        found: u64,
        /// The events that the replay gives.
        replayed: u64,
    },
}

impl<'a> Replay<'a> {
    /// A replay without the bridge's key gives the same events with unsigned heads: pass [`Unsigned`](crate::Unsigned).
    pub fn new(signer: Arc<dyn Signer>) -> Self {
        Self { logs: None, signer, history: MemoryHistory::default(), core: None, outputs: Vec::new() }
    }

    /// Logs that a run found on its disk and that no record before it gives come from here: a journal that was shortened
    /// does not tell of them.
    #[must_use]
    pub fn with_logs(self, logs: &'a dyn Archive) -> Self {
        Self { logs: Some(logs), ..self }
    }

    /// What is stored so far.
    pub fn history(&self) -> &MemoryHistory {
        &self.history
    }

    /// What was stored.
    pub fn into_history(self) -> MemoryHistory {
        self.history
    }

    /// Takes the next record; gives what the core wanted done.
    ///
    /// # Errors
    /// [`ReplayError`]; the replay then stays as it was.
    pub fn record(&mut self, bytes: Bytes) -> Result<&[Output], ReplayError> {
        self.outputs.clear();
        let Recorded { now, input, loaded } = decode(bytes.clone())?;
        if let Some((_, heads)) = loaded {
            self.core = Some(self.begin(&bytes, &heads)?);
        }
        let core = self.core.as_mut().ok_or(ReplayError::NoStart)?;
        core.handle(input, now, &mut self.outputs);
        for output in &self.outputs {
            keep(&self.history, output);
        }
        Ok(&self.outputs)
    }

    /// The logs so far: the own one and foreign ones.
    pub fn logs(&self) -> Vec<(LogId, Vec<Entry>)> {
        self.history.logs()
    }

    /// The core as it is after the last record.
    pub fn core(&self) -> Option<&Core> {
        self.core.as_ref()
    }

    /// A new run: what the run before had not made durable is gone.
    fn begin(&self, bytes: &Bytes, heads: &[Head]) -> Result<Core, ReplayError> {
        let mut core = Core::new(self.config(bytes)?, Box::new(self.history.clone()));
        self.complete(heads);
        let logs: BTreeMap<LogId, Vec<Entry>> = self.history.logs().into_iter().collect();
        for head in heads {
            let (log, found) = (head.log, head.sequence);
            let replayed = logs.get(&log).map_or(0, |entries| entries.len() as u64);
            if replayed < found {
                return Err(ReplayError::Loaded { log, found, replayed });
            }
        }
        for (log, entries) in logs {
            let Some(head) = heads.iter().find(|head| head.log == log) else {
                self.history.forget(&log);
                continue;
            };
            self.history.truncate(&log, head.sequence);
            core.load_unsigned(*head, entries);
        }
        Ok(core)
    }

    /// Fetches logs that the records so far do not give as far as a run found them.
    fn complete(&self, heads: &[Head]) {
        let Some(archive) = self.logs else { return };
        let have: BTreeMap<LogId, u64> = Archive::logs(&self.history).into_iter().collect();
        for head in heads {
            let have = have.get(&head.log).copied().unwrap_or(0);
            if have < head.sequence {
                let missing = usize::try_from(head.sequence - have).unwrap_or(usize::MAX);
                let entries = archive.read(&head.log, have + 1, missing, usize::MAX);
                self.history.store(head.log, have + 1, &entries);
            }
        }
    }

    fn config(&self, bytes: &Bytes) -> Result<Config, ReplayError> {
        let record = Record::decode(bytes.clone()).map_err(|_| BadRecord("encoding"))?;
        let Some(record::Input::Start(start)) = record.input else { return Err(ReplayError::NoStart) };
        let description = Description::verify(start.description.unwrap_or_default());
        let network = Network::from_proto(&start.network.unwrap_or_default());
        let retention = (start.keep_ms > 0).then(|| Retention {
            keep: Duration::from_millis(start.keep_ms),
            renew: Duration::from_millis(start.renew_ms),
        });
        Ok(Config {
            description: description.map_err(|_| BadRecord("description"))?,
            network: network.map_err(|_| BadRecord("network"))?,
            signer: Arc::clone(&self.signer),
            verifier: Arc::new(Strict) as Arc<dyn Verifier>,
            journal: false,
            snapshot_every: 0,
            route_interval: limits::ROUTE_INTERVAL,
            compare_interval: limits::COMPARE_INTERVAL,
            retention,
        })
    }
}

/// Does to logs in memory what an output asks for.
pub(crate) fn keep(history: &MemoryHistory, output: &Output) {
    match output {
        Output::Append { log, first, entries } | Output::Store { log, first, entries } => {
            history.store(*log, *first, entries);
        }
        Output::Truncate { log, keep } => history.truncate(log, *keep),
        Output::Forget { log } => history.forget(log),
        _ => {}
    }
}
