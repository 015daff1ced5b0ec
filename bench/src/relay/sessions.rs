//! New sessions per second: connect, handshake, one byte there and back.

use std::time::Instant;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    task::JoinSet,
};

use super::{Pair, Scale, Site, Table, dialer::Dialer, echo::ECHO, latency::percentile};

/// Sessions of one way in one round.
const SESSIONS: usize = 400;
/// Made at once.
const AT_ONCE: usize = 8;
/// Alternations between the two ways.
const ROUNDS: usize = 5;

pub(super) async fn measure(site: &Site, scale: Scale, table: &mut Table) -> anyhow::Result<()> {
    println!("new sessions, {AT_ONCE} at once...");
    let (mut direct, mut relayed) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        direct.push(rate(&site.bytes.direct, scale.of(SESSIONS)).await?);
        relayed.push(rate(&site.bytes.relayed, scale.of(SESSIONS)).await?);
    }
    let pair = Pair { direct: percentile(&mut direct, 0.5), relayed: percentile(&mut relayed, 0.5) };
    table.pair("new sessions, 8 at once", "1/s", pair, None);
    Ok(())
}

async fn rate(way: &Dialer, sessions: usize) -> anyhow::Result<f64> {
    let began = Instant::now();
    let mut running = JoinSet::new();
    for _ in 0..AT_ONCE {
        let way = way.clone();
        running.spawn(async move {
            for _ in 0..sessions / AT_ONCE {
                let mut stream = way.connect(ECHO).await?;
                stream.write_all(&[1]).await?;
                stream.flush().await?;
                stream.read_u8().await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(ended) = running.join_next().await {
        ended??;
    }
    Ok((sessions / AT_ONCE * AT_ONCE) as f64 / began.elapsed().as_secs_f64())
}
