//! How long after its start a peer is found by another one on its LAN.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use super::{
    Scale, Site, Table, Target,
    latency::percentile,
    messages::online,
    node::{Node, identity_of, spawn},
    until,
};

/// Starts that are measured.
const STARTS: usize = 10;
/// Announcements go slower the longer nothing changes: each start finds the observer at rest.
const REST: Duration = Duration::from_secs(1);

pub(super) async fn measure(
    site: &Site,
    program: &Path,
    observer: &Node,
    scale: Scale,
    table: &mut Table,
) -> anyhow::Result<()> {
    println!("starts until discovered...");
    let mut times = Vec::new();
    for number in 0..scale.of(STARTS).max(3) {
        let name = format!("newcomer-{number}");
        let data = site.folder.join(&name);
        let id = identity_of(&data)?;
        tokio::time::sleep(REST).await;
        let began = Instant::now();
        let child = spawn(program, &data, &["peer", "--name", &name, "--network", &site.networks[0]])?;
        until("the newcomer is found", || online(observer, id)).await?;
        times.push(began.elapsed().as_secs_f64() * 1e3);
        drop(child);
    }
    let target = Some(Target::AtMost(100.0));
    table.figure("start of a peer until another lists it, median", "ms", percentile(&mut times, 0.5), target);
    table.figure("the same, slowest", "ms", percentile(&mut times, 1.0), None);
    Ok(())
}
