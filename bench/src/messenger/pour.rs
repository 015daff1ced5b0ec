//! Many messages from one peer to another.

use std::time::{Duration, Instant};

use anyhow::ensure;
use identity::NodeId;
use proto::control::v1::{MessengerStatusRequest, SendRequest};
use tokio::{task::JoinSet, time::interval};
use tonic::Code;

use crate::relay::{node::Node, until};

/// Senders at once; each waits until its message is stored before it sends the next one.
const SENDERS: usize = 512;
/// Stands in the first message alone.
pub(crate) const RARE: &str = "halyard";
/// After this the outbox of the sender may have room again.
const PAUSE: Duration = Duration::from_millis(5);

/// Sends so many as fast as they are taken; gives how many a second were durable at both ends and acknowledged.
pub(crate) async fn pour(from: &Node, to: NodeId, messages: usize) -> anyhow::Result<f64> {
    say(from, to, &format!("the first message, with the word {RARE}")).await?;
    let began = Instant::now();
    let mut running = JoinSet::new();
    for sender in 0..SENDERS {
        let mut messenger = from.messenger();
        running.spawn(async move {
            for number in 0..messages / SENDERS {
                let text = format!(
                    "message {number} of sender {sender}: we meet at the harbour at seven, bring the tickets"
                );
                let request = SendRequest { to: to.to_string(), text, ..SendRequest::default() };
                while let Err(status) = messenger.send(request.clone()).await {
                    ensure!(status.code() == Code::ResourceExhausted, "not sent: {status}");
                    tokio::time::sleep(PAUSE).await;
                }
            }
            anyhow::Ok(())
        });
    }
    while let Some(ended) = running.join_next().await {
        ended??;
    }
    until("everything is acknowledged", async || {
        let status = from.messenger().status(MessengerStatusRequest {}).await.ok()?.into_inner();
        (status.queued == 0).then_some(())
    })
    .await?;
    Ok((messages / SENDERS * SENDERS) as f64 / began.elapsed().as_secs_f64())
}

/// Sends so many a second for some time; gives how many.
pub(crate) async fn steadily(from: &Node, to: NodeId, rate: u32, time: Duration) -> anyhow::Result<usize> {
    let mut ticks = interval(Duration::from_secs(1) / rate);
    let began = Instant::now();
    let mut sent = 0;
    while began.elapsed() < time {
        ticks.tick().await;
        say(from, to, &format!("message {sent} while somebody looks, see https://example.org/{sent}"))
            .await?;
        sent += 1;
    }
    Ok(sent)
}

async fn say(from: &Node, to: NodeId, text: &str) -> anyhow::Result<()> {
    let request = SendRequest { to: to.to_string(), text: text.to_owned(), ..SendRequest::default() };
    from.messenger().send(request).await?;
    Ok(())
}
