//! Bulk over one stream and over sixteen: a sink at the other end says when all of it arrived.

use std::time::Instant;

use anyhow::ensure;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    task::JoinSet,
};

use super::{Pair, Scale, Site, Table, Target, dialer::Dialer, echo::SINK, latency::percentile};

/// Bytes of one way in one round, over all its streams.
const BYTES: usize = 512 << 20;
/// What one write hands over.
const WRITE: usize = 128 * 1024;
/// Alternations between the two ways.
const ROUNDS: usize = 5;

pub(super) async fn measure(site: &Site, scale: Scale, table: &mut Table) -> anyhow::Result<()> {
    for (streams, target) in [(1, Some(Target::AtLeast(0.3))), (16, None)] {
        println!("bulk over {streams} stream(s)...");
        let (mut direct, mut relayed) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            direct.push(rate(&site.bytes.direct, streams, scale.of(BYTES)).await?);
            relayed.push(rate(&site.bytes.relayed, streams, scale.of(BYTES)).await?);
        }
        let pair = Pair { direct: percentile(&mut direct, 0.5), relayed: percentile(&mut relayed, 0.5) };
        let name =
            if streams == 1 { "bulk, 1 stream".to_owned() } else { format!("bulk, {streams} streams") };
        table.pair(&name, "MB/s", pair, target);
    }
    Ok(())
}

/// Megabytes per second over all streams.
async fn rate(way: &Dialer, streams: usize, bytes: usize) -> anyhow::Result<f64> {
    let mut open = Vec::new();
    for _ in 0..streams {
        open.push(way.connect(SINK).await?);
    }
    let writes = bytes.div_ceil(WRITE * streams);
    let began = Instant::now();
    let mut running = JoinSet::new();
    for mut stream in open {
        running.spawn(async move {
            let block = vec![7; WRITE];
            for _ in 0..writes {
                stream.write_all(&block).await?;
            }
            stream.shutdown().await?;
            let arrived = stream.read_u64().await?;
            ensure!(arrived == (writes * WRITE) as u64, "{arrived} bytes arrived of {}", writes * WRITE);
            Ok(())
        });
    }
    while let Some(ended) = running.join_next().await {
        ended??;
    }
    Ok((writes * WRITE * streams) as f64 / 1e6 / began.elapsed().as_secs_f64())
}
