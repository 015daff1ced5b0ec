//! Several addresses at once: whoever answers well first counts.

use std::net::SocketAddr;

use futures_util::{StreamExt as _, stream::FuturesUnordered};
use tokio::time::sleep;

use crate::limits::{MAX_RACERS, RACE_STAGGER};

/// Tries the addresses at once, each a moment later than the one before, and gives the first success, or the last
/// failure. None when there is no address. Attempts still under way are dropped. At most [`MAX_RACERS`] addresses run.
pub async fn race<T, E, F>(
    addresses: &[SocketAddr],
    attempt: impl Fn(SocketAddr) -> F,
) -> Option<Result<T, E>>
where
    F: Future<Output = Result<T, E>>,
{
    let mut running: FuturesUnordered<_> = (0_u32..)
        .zip(addresses.iter().take(MAX_RACERS))
        .map(|(place, address)| {
            let attempt = attempt(*address);
            async move {
                sleep(RACE_STAGGER * place).await;
                attempt.await
            }
        })
        .collect();
    let mut last = None;
    while let Some(outcome) = running.next().await {
        if outcome.is_ok() {
            return Some(outcome);
        }
        last = Some(outcome);
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(count: u16) -> Vec<SocketAddr> {
        (1..=count).map(|port| SocketAddr::from(([127, 0, 0, 1], port))).collect()
    }

    #[tokio::test]
    async fn a_dead_first_address_does_not_hold_up_the_second() {
        let attempt = |address: SocketAddr| async move {
            if address.port() == 1 { std::future::pending().await } else { Ok::<_, ()>(address.port()) }
        };
        assert_eq!(race(&addresses(3), attempt).await, Some(Ok(2)));
    }

    #[tokio::test]
    async fn failures_of_all_give_a_failure() {
        let attempt = |address: SocketAddr| async move { Err::<(), _>(address.port()) };
        assert_eq!(race(&addresses(3), attempt).await, Some(Err(3)));
        assert_eq!(race(&[], attempt).await, None);
    }
}
