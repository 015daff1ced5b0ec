//! Exit codes, documented in `causeway --help`, and how an error is told to a person.

use std::{fmt, io, process::ExitCode};

use runtime::rpc::ConnectError;
use tonic::{Code, Status};

/// What went wrong, for scripts. 2 is clap's own for a command line that cannot be understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Anything without a code of its own.
    Other = 1,
    /// The command line is at odds with itself or with what is there.
    Usage = 2,
    /// No node runs there, or it went away.
    NotRunning = 3,
    /// Nobody, or more than one, has that name or id.
    NotFound = 4,
    /// Not delivered in the time given; it stays queued.
    NotDelivered = 5,
    /// A check found something wrong.
    CheckFailed = 6,
}

/// A sentence together with the exit code that goes with it.
#[derive(Debug)]
pub(crate) struct Fault {
    failure: Failure,
    sentence: String,
}

impl Fault {
    /// An error with its own exit code.
    pub(crate) fn error(failure: Failure, sentence: impl Into<String>) -> anyhow::Error {
        Self { failure, sentence: sentence.into() }.into()
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

impl std::error::Error for Fault {}

/// Tells the error on stderr and gives the exit code.
pub(crate) fn code(outcome: anyhow::Result<()>) -> ExitCode {
    let Err(error) = outcome else { return ExitCode::SUCCESS };
    if is_broken_pipe(&error) {
        // Whoever read our output had enough.
        return ExitCode::SUCCESS;
    }
    eprintln!("causeway: {}", sentence(&error));
    ExitCode::from(failure(&error) as u8)
}

/// The error and its causes in a sentence.
pub(crate) fn sentence(error: &anyhow::Error) -> String {
    error
        .chain()
        .map(|cause| cause.downcast_ref::<Status>().map_or_else(|| cause.to_string(), status_sentence))
        .fold(String::new(), |mut whole, part| {
            // Errors often say their cause, and what to do after it.
            if !whole.contains(&part) {
                whole.push_str(if whole.is_empty() { "" } else { ": " });
                whole.push_str(&part);
            }
            whole
        })
}

/// What a node answered, in a sentence.
pub(crate) fn status_sentence(status: &Status) -> String {
    match status.message() {
        "" if status.code() == Code::Unimplemented => {
            "the node does not know this question: is it of another kind, or an older version?".into()
        }
        "" => format!("the node answered {}", status.code()),
        message => message.to_owned(),
    }
}

fn failure(error: &anyhow::Error) -> Failure {
    for cause in error.chain() {
        if let Some(fault) = cause.downcast_ref::<Fault>() {
            return fault.failure;
        }
        if let Some(ConnectError::NotRunning { .. } | ConnectError::Timeout { .. }) = cause.downcast_ref() {
            return Failure::NotRunning;
        }
        if let Some(status) = cause.downcast_ref::<Status>() {
            return of_status(status.code());
        }
    }
    Failure::Other
}

fn of_status(code: Code) -> Failure {
    match code {
        Code::NotFound | Code::FailedPrecondition => Failure::NotFound,
        Code::InvalidArgument | Code::Unimplemented => Failure::Usage,
        Code::Unavailable => Failure::NotRunning,
        _ => Failure::Other,
    }
}

/// Only an error that is nothing but one of writing to stdout: a node that is killed in the middle of a request breaks a
/// pipe, too, deep inside what went wrong, and then nothing was done.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_went_away_in_the_middle_is_no_success() {
        let broken = || io::Error::from(io::ErrorKind::BrokenPipe);
        assert!(is_broken_pipe(&broken().into()));
        let asked = Status::from_error(Box::new(broken()));
        assert!(!is_broken_pipe(&asked.into()));
    }
}
