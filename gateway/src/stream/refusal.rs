//! Refusals as QUIC error codes and as names.

use proto::bridge::v1::Refusal;
use quinn::VarInt;

/// The application error code of a refused stream.
pub(crate) fn code_of(refusal: Refusal) -> VarInt {
    VarInt::from_u32(refusal as u32)
}

/// What an application error code says. A code that is not known counts as no reason given.
pub(crate) fn refusal_of(code: VarInt) -> Refusal {
    i32::try_from(code.into_inner())
        .ok()
        .and_then(|code| Refusal::try_from(code).ok())
        .unwrap_or(Refusal::Unspecified)
}

/// The name of a refusal in metrics and logs.
pub(crate) fn name_of(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Unspecified => "reset",
        Refusal::UnknownPeer => "unknown_peer",
        Refusal::NoRoute => "no_route",
        Refusal::Policy => "policy",
        Refusal::PeerNotAnswering => "peer_not_answering",
        Refusal::Hops => "hops",
        Refusal::Limit => "limit",
        Refusal::Draining => "draining",
        Refusal::NotRegistered => "not_registered",
        Refusal::BadHello => "bad_hello",
        Refusal::LinkLost => "link_lost",
        Refusal::PeerLeft => "peer_left",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_read_back_and_unknown_ones_say_nothing() {
        for refusal in [Refusal::UnknownPeer, Refusal::Draining, Refusal::PeerLeft] {
            assert_eq!(refusal_of(code_of(refusal)), refusal);
        }
        assert_eq!(refusal_of(VarInt::MAX), Refusal::Unspecified);
        assert_eq!(refusal_of(VarInt::from_u32(4_000)), Refusal::Unspecified);
    }
}
