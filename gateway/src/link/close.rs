//! Why connections close, as codes and as sentences.

use proto::link::v1::Close;
use quinn::{Connection, ConnectionError, VarInt};

use crate::endpoint::IDLE_LIMIT;

/// QUIC's base for TLS alerts (RFC 9001, section 4.8).
const TLS_ALERTS: std::ops::RangeInclusive<u64> = 0x100..=0x1ff;

/// The alert of a client that nobody shares an application protocol with (RFC 7301).
const NO_APPLICATION_PROTOCOL: u64 = 0x100 + 120;

/// Closes a connection with a code and a sentence.
pub(super) fn close(connection: &Connection, code: Close, sentence: &str) {
    connection.close(VarInt::from_u32(code as u32), sentence.as_bytes());
}

/// The code that the other side closed with, if it is one of ours.
pub(super) fn code_of(error: &ConnectionError) -> Option<Close> {
    let ConnectionError::ApplicationClosed(close) = error else { return None };
    let code = i32::try_from(close.error_code.into_inner()).ok()?;
    Close::try_from(code).ok()
}

/// Why a connection ended, for people.
pub(super) fn sentence(error: &ConnectionError) -> String {
    match error {
        ConnectionError::TimedOut => format!("nothing was heard for {} s", IDLE_LIMIT.as_secs()),
        ConnectionError::Reset => {
            "the other side does not know this connection any more: it was restarted".into()
        }
        ConnectionError::LocallyClosed => "closed here".into(),
        ConnectionError::ApplicationClosed(close) => {
            let reason: String = String::from_utf8_lossy(&close.reason)
                .chars()
                .filter(|c| !c.is_control())
                .take(200)
                .collect();
            match code_of(error) {
                Some(Close::NotTrusted) => "the other bridge does not trust this one".into(),
                Some(Close::Shutdown) => "the other bridge stopped".into(),
                Some(Close::Replaced) => "a newer link took over".into(),
                _ if reason.is_empty() => "the other bridge closed the link without a reason".into(),
                _ => format!("the other bridge closed the link: {reason}"),
            }
        }
        ConnectionError::ConnectionClosed(close) => match u64::from(close.error_code) {
            NO_APPLICATION_PROTOCOL => "the other side speaks QUIC but not Causeway's protocol".into(),
            0x2 => "the other bridge refuses connections for now: too many at once".into(),
            code if TLS_ALERTS.contains(&code) => format!("the other side ended the TLS handshake: {close}"),
            _ => format!("the other side closed the connection: {close}"),
        },
        ConnectionError::TransportError(error) => transport(u64::from(error.code), error),
        ConnectionError::VersionMismatch => "the other side speaks another version of QUIC".into(),
        ConnectionError::CidsExhausted => "no connection ids are left".into(),
    }
}

fn transport(code: u64, error: &dyn std::fmt::Display) -> String {
    match code {
        NO_APPLICATION_PROTOCOL => "the other side speaks QUIC but not Causeway's protocol".into(),
        code if TLS_ALERTS.contains(&code) => {
            "another node than expected answers at this address, or it cannot prove its id".into()
        }
        _ => format!("the other side broke the rules of QUIC: {error}"),
    }
}
