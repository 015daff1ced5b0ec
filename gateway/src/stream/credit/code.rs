//! The question for credit, as the error code of a stream that is reset before anything came on it.

use quinn::{StreamId, VarInt};

/// Codes from here on are questions; those of refusals are far below.
const BASE: u64 = 1 << 61;

/// There is credit after all.
pub(super) const NOTHING: VarInt = VarInt::MAX;

/// A question that came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Question {
    /// The stream that waits, if there is no credit.
    pub(super) waiting: Option<u64>,
}

/// The code that says that this stream waits.
pub(super) fn waiting(stream: StreamId) -> VarInt {
    VarInt::from_u64(BASE + u64::from(stream)).unwrap_or(NOTHING)
}

/// The question that a code is, if it is one.
pub(super) fn read(code: VarInt) -> Option<Question> {
    let stream = code.into_inner().checked_sub(BASE)?;
    Some(Question { waiting: (code != NOTHING).then_some(stream) })
}

#[cfg(test)]
mod tests {
    use quinn::{Dir, Side};

    use super::*;
    use crate::stream::{code_of, refusal_of};
    use proto::bridge::v1::Refusal;

    #[test]
    fn questions_read_back_and_refusals_are_none() {
        let stream = StreamId::new(Side::Server, Dir::Bi, 7);
        assert_eq!(read(waiting(stream)), Some(Question { waiting: Some(stream.into()) }));
        assert_eq!(read(NOTHING), Some(Question { waiting: None }));
        assert_eq!(read(code_of(Refusal::LinkLost)), None);
        assert_eq!(refusal_of(waiting(stream)), Refusal::Unspecified);
    }
}
