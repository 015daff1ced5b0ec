//! The acknowledgement of an append.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::error::AppendError;
use crate::oneshot::{Promise, Waiter, pair};

/// Where records were stored. Nothing was appended when `last < first`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// The position of the first record.
    pub first: u64,
    /// The position of the last record.
    pub last: u64,
}

/// Resolves once the records are on the disk, or will not be. Wait by blocking or by polling it as a future; dropped, the append
/// goes on all the same.
#[derive(Debug)]
#[must_use = "records are stored only once their ticket says so"]
pub struct Ticket(Waiter<Outcome>);

pub(crate) type Outcome = Result<Appended, AppendError>;

impl Ticket {
    pub(crate) fn pair() -> (Promise<Outcome>, Self) {
        let (promise, waiter) = pair();
        (promise, Self(waiter))
    }

    pub(crate) fn refused(error: AppendError) -> Self {
        let (promise, ticket) = Self::pair();
        promise.give(Err(error));
        ticket
    }

    /// Blocks until the records are on the disk or refused.
    ///
    /// # Errors
    /// [`AppendError`] says why they were not stored.
    pub fn wait(self) -> Result<Appended, AppendError> {
        self.0.wait().unwrap_or(Err(AppendError::Closed))
    }

    /// Blocks like [`Self::wait`], at most for `limit`; gives the ticket back when that ends first.
    ///
    /// # Errors
    /// The ticket itself, to wait again.
    pub fn wait_for(self, limit: Duration) -> Result<Result<Appended, AppendError>, Self> {
        let outcome = self.0.wait_for(limit).map_err(Self)?;
        Ok(outcome.unwrap_or(Err(AppendError::Closed)))
    }
}

impl Future for Ticket {
    type Output = Result<Appended, AppendError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map(|outcome| outcome.unwrap_or(Err(AppendError::Closed)))
    }
}
