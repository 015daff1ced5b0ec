//! What a database says when it is opened, compared with what was acknowledged.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::block::{check, seal};
use crate::directory::witness::{Mark, Witnessed};
use crate::engine::Engine;
use crate::fault::Fault;
use crate::head::Head;
use crate::health::Damage;
use crate::key::{self, Place};
use crate::log::state::LogState;
use crate::shared::Logs;

/// All logs of a database.
#[derive(Debug, Default)]
pub(crate) struct Loaded {
    pub(crate) logs: Vec<Found>,
    /// Removed logs whose records are still to be cleared.
    pub(crate) dead: Vec<u64>,
    pub(crate) next_id: u64,
}

/// One log of a database.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) name: String,
    pub(crate) id: u64,
    pub(crate) head: Head,
    pub(crate) damage: Option<Damage>,
    mark: Mark,
}

impl Found {
    pub(crate) fn state(&self) -> Arc<LogState> {
        let state = LogState::new(self.name.clone(), self.id, self.head, self.damage.clone());
        state.change(|view| view.mark = self.mark);
        Arc::new(state)
    }
}

/// The value under a log's name.
pub(crate) fn name_value(name: &str, id: u64) -> Vec<u8> {
    let mut value = vec![0; 4];
    value.extend_from_slice(&id.to_le_bytes());
    seal(&key::name(name), value)
}

/// What is wrong with a log that should be as it was witnessed.
pub(crate) fn missing(head: Head, mark: Mark) -> Option<Damage> {
    let low = if head.cuts < mark.base { 0 } else { mark.low };
    if head.cuts < mark.cuts && low < head.head {
        let what = format!("the log was cut after position {low} or later, and is as it was before");
        return Some(Damage { position: head.first.max(low + 1), what });
    }
    if head.head < mark.head {
        let what = format!("the records {} to {} were acknowledged and are gone", head.head + 1, mark.head);
        return Some(Damage { position: head.head + 1, what });
    }
    None
}

/// Reads names and heads.
pub(crate) fn load(engine: &Engine) -> Result<Loaded, Fault> {
    let mut loaded = Loaded { next_id: 1, ..Loaded::default() };
    for (key, value) in engine.scan_prefix(&key::names())? {
        let name = key::parse_name(&key).ok_or_else(|| Fault::damaged("the name of a log is not text"))?;
        check(&key, &value).map_err(|what| Fault::damaged(format!("the entry of log {name}: {what}")))?;
        let id = value.get(4..).and_then(|id| id.try_into().ok()).map(u64::from_le_bytes);
        let id = id.ok_or_else(|| Fault::damaged(format!("the entry of log {name} has no id")))?;
        let (head, damage) = head_of(engine, id)?;
        loaded.next_id = loaded.next_id.max(id + 1);
        loaded.logs.push(Found { name: name.to_owned(), id, head, damage, mark: Mark::NONE });
    }
    for (key, _) in engine.scan_prefix(&key::all_dead())? {
        let id = key::parse_dead(&key).ok_or_else(|| Fault::damaged("a mark of a removed log is wrong"))?;
        loaded.next_id = loaded.next_id.max(id + 1);
        loaded.dead.push(id);
    }
    Ok(loaded)
}

/// Damages the logs that are shorter than was witnessed, and makes them the logs of a store.
pub(crate) fn compare(loaded: &mut Loaded, witnessed: &[Witnessed]) -> Logs {
    let mut lost = BTreeMap::new();
    for one in witnessed {
        loaded.next_id = loaded.next_id.max(one.log + 1);
        match loaded.logs.iter_mut().find(|found| found.id == one.log) {
            Some(found) => {
                found.mark = one.mark;
                if found.head.cuts == one.mark.cuts {
                    found.mark = Mark { low: u64::MAX, base: one.mark.cuts, ..one.mark };
                }
                found.damage = found.damage.take().or_else(|| missing(found.head, one.mark));
            }
            None if !loaded.dead.contains(&one.log) && one.mark.head > 0 => {
                lost.insert(one.name.clone(), (one.log, one.mark));
            }
            None => {}
        }
    }
    let by_name = loaded.logs.iter().map(|found| (found.name.clone(), found.state())).collect();
    Logs { by_name, lost }
}

/// The head record; if that is not whole, what the last block suggests, as damage.
fn head_of(engine: &Engine, id: u64) -> Result<(Head, Option<Damage>), Fault> {
    let value = engine.get(&key::head(id))?;
    let what = match value.map(|value| Head::decode(id, &value)) {
        Some(Ok(head)) => return Ok((head, None)),
        Some(Err(what)) => what,
        None => "the head record is missing",
    };
    let last =
        engine.floor(Place::ceiling(id, u64::MAX))?.map_or(0, |(place, _)| place.first.saturating_sub(1));
    let head = Head { head: last, ..Head::EMPTY };
    Ok((head, Some(Damage { position: last + 1, what: what.into() })))
}
