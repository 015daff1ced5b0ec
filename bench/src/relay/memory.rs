//! What an idle connection through the proxy costs each of the two bridges.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    task::JoinSet,
};

use super::{Scale, Site, Table, Target, echo::ECHO};

/// Connections held open.
const CONNECTIONS: usize = 2_000;
/// Opened and closed before: what a bridge needs once is not counted for each.
const WARM_UP: usize = 16;
/// Opened at once.
const AT_ONCE: usize = 16;
/// What is sent after the last byte, such as acknowledgements, is over by then.
const SETTLE: Duration = Duration::from_secs(3);

pub(super) async fn measure(site: &Site, scale: Scale, table: &mut Table) -> anyhow::Result<()> {
    let connections = scale.of(CONNECTIONS);
    println!("{connections} idle connections...");
    drop(open(site, WARM_UP).await?);
    tokio::time::sleep(SETTLE).await;
    let before = [site.home.resident_kib()?, site.cloud.resident_kib()?];
    let held = open(site, connections).await?;
    tokio::time::sleep(SETTLE).await;
    let after = [site.home.resident_kib()?, site.cloud.resident_kib()?];
    drop(held);
    for (index, name) in ["of the peer that dials", "of the peer that is dialled"].into_iter().enumerate() {
        let each = (after[index] - before[index]) / connections as f64;
        let name = format!("idle proxied connection, bridge {name} ({connections} open)");
        table.figure(&name, "KiB", each, Some(Target::AtMost(24.0)));
    }
    Ok(())
}

async fn open(site: &Site, connections: usize) -> anyhow::Result<Vec<impl Sized + use<>>> {
    let mut opening = JoinSet::new();
    for _ in 0..AT_ONCE {
        let way = site.bytes.relayed.clone();
        opening.spawn(async move {
            let mut held = Vec::new();
            for _ in 0..connections / AT_ONCE {
                let mut stream = way.connect(ECHO).await?;
                stream.write_all(&[1]).await?;
                stream.flush().await?;
                stream.read_u8().await?;
                held.push(stream);
            }
            anyhow::Ok(held)
        });
    }
    let mut all = Vec::new();
    while let Some(held) = opening.join_next().await {
        all.extend(held??);
    }
    Ok(all)
}
