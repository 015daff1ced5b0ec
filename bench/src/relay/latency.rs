//! The round trip of 256 bytes over an open connection, and how many such go there and back in a second.

use std::time::{Duration, Instant};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::client::TlsStream;

use super::{Pair, Scale, Site, Table, echo::ECHO};

/// The size of a message, bytes.
const MESSAGE: usize = 256;
/// Alternations between the two ways.
pub(super) const ROUNDS: usize = 20;
/// Round trips of one way in one round.
pub(super) const TRIPS: usize = 500;
/// Messages under way at once when counting how many go in a second.
const WINDOW: usize = 64;
/// Messages of one way in one round of counting.
const COUNTED: usize = 20_000;

pub(super) async fn measure(site: &Site, scale: Scale, table: &mut Table) -> anyhow::Result<()> {
    println!("round trips of {MESSAGE} bytes...");
    let mut direct = site.bytes.direct.connect(ECHO).await?;
    let mut relayed = site.bytes.relayed.connect(ECHO).await?;
    let (mut near, mut far) = (Vec::new(), Vec::new());
    round_trips(&mut direct, scale.of(TRIPS)).await?;
    round_trips(&mut relayed, scale.of(TRIPS)).await?;
    for _ in 0..ROUNDS {
        near.extend(round_trips(&mut direct, scale.of(TRIPS)).await?);
        far.extend(round_trips(&mut relayed, scale.of(TRIPS)).await?);
    }
    table.pair("round trip, 256 bare bytes, p50", "us", pair_at(0.5, &mut near, &mut far), None);
    table.pair("round trip, 256 bare bytes, p99", "us", pair_at(0.99, &mut near, &mut far), None);

    println!("messages of {MESSAGE} bytes, {WINDOW} under way...");
    let (mut near, mut far) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS / 4 {
        near.push(rate(&mut direct, scale.of(COUNTED)).await?);
        far.push(rate(&mut relayed, scale.of(COUNTED)).await?);
    }
    table.pair("messages there and back, 64 under way", "1/s", pair_at(0.5, &mut near, &mut far), None);
    Ok(())
}

/// Each trip's time in microseconds.
async fn round_trips(stream: &mut TlsStream<TcpStream>, trips: usize) -> anyhow::Result<Vec<f64>> {
    let (mut message, mut times) = ([7; MESSAGE], Vec::with_capacity(trips));
    for _ in 0..trips {
        let began = Instant::now();
        stream.write_all(&message).await?;
        stream.flush().await?;
        stream.read_exact(&mut message).await?;
        times.push(microseconds(began.elapsed()));
    }
    Ok(times)
}

/// Messages per second with a window of them under way.
async fn rate(stream: &mut TlsStream<TcpStream>, messages: usize) -> anyhow::Result<f64> {
    let began = Instant::now();
    let (mut reader, mut writer) = tokio::io::split(stream);
    let places = tokio::sync::Semaphore::new(WINDOW);
    let write = async {
        for _ in 0..messages {
            places.acquire().await?.forget();
            writer.write_all(&[7; MESSAGE]).await?;
            writer.flush().await?;
        }
        anyhow::Ok(())
    };
    let read = async {
        let mut message = [0; MESSAGE];
        for _ in 0..messages {
            reader.read_exact(&mut message).await?;
            places.add_permits(1);
        }
        anyhow::Ok(())
    };
    tokio::try_join!(write, read)?;
    Ok(messages as f64 / began.elapsed().as_secs_f64())
}

/// Both ways at the same share of their samples. Sorts them.
pub(super) fn pair_at(share: f64, near: &mut [f64], far: &mut [f64]) -> Pair {
    Pair { direct: percentile(near, share), relayed: percentile(far, share) }
}

/// The value below which that share of the samples lies. Sorts them.
pub(super) fn percentile(samples: &mut [f64], share: f64) -> f64 {
    samples.sort_by(f64::total_cmp);
    let last = samples.len().saturating_sub(1);
    samples.get((last as f64 * share).round() as usize).copied().unwrap_or(f64::NAN)
}

pub(super) fn microseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}
