//! The log on the disk, and what it folds to. What is written is durable before it counts.

use std::{path::Path, sync::Arc, time::SystemTime};

use bytes::Bytes;
use prost::Message as _;
use proto::hosting::v1::{Event, event::Kind};
use runtime::metrics::Health;
use storage::{AppendError, Log, Options, Store};

use crate::{error::StartError, register::Register};

const LOG: &str = "hosting";
/// The form of events that this version writes.
const FORMAT: u32 = 1;

/// The log, with its fold.
#[derive(Debug)]
pub(crate) struct Ledger {
    log: Log,
    /// Closed with the last one that holds it.
    store: Arc<Store>,
    register: Register,
}

impl Ledger {
    /// Opens and folds it. Blocks.
    pub(crate) fn open(folder: &Path) -> Result<Self, StartError> {
        let store = Arc::new(Store::open(folder, Options { max_logs: 4, ..Options::default() })?);
        let log = store.log(LOG)?;
        let mut register = Register::default();
        for entry in log.iter() {
            let (position, record) = entry?;
            let event = Event::decode(record).map_err(|_| StartError::Event { position })?;
            if event.format != FORMAT {
                return Err(StartError::Event { position });
            }
            register.apply(&event);
        }
        Ok(Self { log, store, register })
    }

    /// A dispatcher is healthy while it can write down whose a peer becomes.
    pub(crate) fn health(&self) -> Health {
        let store = Arc::downgrade(&self.store);
        Arc::new(move || match store.upgrade().map(|store| store.health()) {
            Some(storage::Health::Ok) => Ok(()),
            Some(storage::Health::Full { .. }) => Err("the disk is full".into()),
            Some(storage::Health::ReadOnly) => Err("the file system is read-only".into()),
            Some(storage::Health::Failed { reason }) => Err(reason),
            Some(other) => Err(format!("{other:?}")),
            None => Err("stopping".into()),
        })
    }

    pub(crate) const fn register(&self) -> &Register {
        &self.register
    }

    /// As [`Register::on_found`].
    pub(crate) fn on_found(&mut self, numbers: &[u64]) -> Vec<u64> {
        self.register.on_found(numbers)
    }

    /// Writes one event and takes it over. Durable on return.
    pub(crate) async fn write(&mut self, peer: u64, kind: Kind) -> Result<(), AppendError> {
        let event = Event { format: FORMAT, at_s: now_s(), peer, kind: Some(kind) };
        self.log.append(vec![Bytes::from(event.encode_to_vec())]).await?;
        self.register.apply(&event);
        Ok(())
    }
}

/// Seconds since the Unix epoch.
pub(crate) fn now_s() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
