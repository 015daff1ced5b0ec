//! Reading the history. Everything in here blocks on the disk: to be called on a thread that may.

use conversation::{Fetched, event, limits::FETCH_MESSAGES};
use identity::NodeId;
use proto::history::v1::{Event, event::Kind};
use storage::{Damage, Log, ReadError};

use crate::error::StartError;

/// The name of the log.
pub(crate) const LOG: &str = "history";

/// Cuts off an end that is damaged; gives a sentence about it. Nobody is misled by that: each start opens a new epoch, so
/// no number of a lost message is used again, and those who sent what was received send it again. Damage with whole
/// records behind it stays, for cutting would lose these, too: who reads there is told.
pub(crate) fn cut_damaged_end(log: &Log) -> Result<Option<String>, StartError> {
    let Some(Damage { position, what }) = damaged_end(log)? else { return Ok(None) };
    log.truncate_after(position - 1)?;
    let sentence = format!(
        "the history was damaged at record {position} ({what}) and was cut there: messages that others sent come back \
         when they are met, own ones behind it are lost here; check the disk"
    );
    tracing::warn!("{sentence}");
    Ok(Some(sentence))
}

/// The first damage, if nothing whole comes after it.
fn damaged_end(log: &Log) -> Result<Option<Damage>, StartError> {
    if let Some(damage) = log.damage() {
        return Ok(Some(damage));
    }
    let Some(Err(last)) = log.backward().next() else { return Ok(None) };
    match log.iter().find_map(Result::err).unwrap_or(last) {
        ReadError::Damaged { position, what, .. } => {
            let whole_behind = (position..=log.head()).any(|at| matches!(log.get(at), Ok(Some(_))));
            Ok((!whole_behind).then_some(Damage { position, what }))
        }
        error => Err(error.into()),
    }
}

/// What was read back for a peer that lost it.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) peer: NodeId,
    pub(crate) messages: Vec<Fetched>,
    /// Where reading goes on; `None` at the end.
    pub(crate) next: Option<u64>,
}

/// Own messages to a peer, from a position on.
pub(crate) fn fetch(log: &Log, peer: NodeId, from: u64) -> Result<Read, ReadError> {
    let wanted = peer.to_bytes();
    let mut messages = Vec::new();
    let mut next = None;
    for entry in log.iter_from(from) {
        let (position, record) = entry?;
        if messages.len() == FETCH_MESSAGES {
            next = Some(position);
            break;
        }
        let Ok(Event { kind: Some(Kind::MessageOut(message)), .. }) = event::decode(record) else { continue };
        if conversation::envelope::decode(&message.envelope)
            .is_ok_and(|(id, _)| id.recipient.to_bytes() == wanted)
        {
            messages.push(Fetched { envelope: message.envelope });
        }
    }
    Ok(Read { peer, messages, next })
}
