//! `bench dispatch`: from the click on the login to a page of one's own, with peers as processes, and where there is a
//! swarm, as its services.
//!
//! What a browser asks is asked here without one: the login, the entrance of the peer, its page. A start of the peer is
//! part of it where none is ready.

mod lobby;
mod swarm;
mod visit;

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use tokio::task::JoinSet;

use crate::relay::{
    program,
    table::{Table, Target},
    until,
};
use lobby::Lobby;
use visit::Visit;

/// Logins one after another, each with a peer that is ready.
const WARM: usize = 30;
/// Logins one after another, each with a peer that must be started first.
const COLD: usize = 10;
/// Logins at once.
const BURST: usize = 100;
/// Peers that a small machine is to hold.
const HELD: usize = 200;
/// How long peers are left alone before their memory is looked at.
const IDLE: Duration = Duration::from_secs(5);

pub(crate) async fn run() -> anyhow::Result<()> {
    let program = program::find()?;
    let folder = tempfile::tempdir()?;
    let mut table = Table::new();

    println!("{WARM} logins, a peer ready for each...");
    let lobby = Lobby::start(&program, &folder.path().join("warm"), 8).await?;
    let (mut answers, mut pages) = (Vec::new(), Vec::new());
    for _ in 0..WARM {
        lobby.until_vacant(8).await?;
        let visit = lobby.visit().await?;
        answers.push(visit.answered);
        pages.push(visit.there);
    }
    let own = median(&mut answers);
    table.figure("warm login, the dispatcher's answer, median", "ms", own, Some(Target::AtMost(50.0)));
    table.figure("warm login, click to own page, median", "ms", median(&mut pages), None);
    lobby.end().await?;

    println!("{COLD} logins, no peer ready...");
    let lobby = Lobby::start(&program, &folder.path().join("cold"), 0).await?;
    let mut pages = Vec::new();
    for _ in 0..COLD {
        pages.push(lobby.visit().await?.there);
    }
    let cold = median(&mut pages);
    table.figure("cold login, click to own page, median", "ms", cold, Some(Target::AtMost(1_000.0)));
    lobby.end().await?;

    println!("{BURST} logins at once, two peers ready...");
    let lobby = Lobby::start(&program, &folder.path().join("burst"), 2).await?;
    lobby.until_vacant(2).await?;
    let visits = burst(&lobby).await?;
    let mut times: Vec<_> = visits.iter().map(|visit| visit.there).collect();
    table.figure("burst of 100, median", "ms", median(&mut times), Some(Target::AtMost(3_000.0)));
    table.figure("burst of 100, slowest", "ms", times[times.len() - 1], None);
    let mut hosts: Vec<_> = visits.into_iter().map(|visit| visit.host).collect();
    hosts.sort_unstable();
    hosts.dedup();
    ensure!(hosts.len() == BURST, "{} people share {} peers", BURST, hosts.len());
    memory(&lobby, &mut table).await?;
    lobby.end().await?;

    println!("{HELD} peers...");
    let began = Instant::now();
    let lobby = Lobby::start(&program, &folder.path().join("held"), HELD).await?;
    lobby.until_vacant(HELD).await?;
    let ready = began.elapsed().as_secs_f64();
    table.figure("200 peers are ready after", "s", ready, Some(Target::AtMost(30.0)));
    tokio::time::sleep(IDLE).await;
    let (resident, own) = (lobby.resident_kib().await?, lobby.own_kib()?);
    table.figure(
        "200 peers, the program's code counted once",
        "MiB",
        own / 1024.0,
        Some(Target::AtMost(4_096.0)),
    );
    table.figure("one of 200, resident", "MiB", resident / 1024.0, Some(Target::AtMost(15.0)));
    lobby.end().await?;

    swarm::measure(&mut table).await?;
    println!("\n{table}");
    Ok(())
}

async fn burst(lobby: &Lobby) -> anyhow::Result<Vec<Visit>> {
    let mut running = JoinSet::new();
    for _ in 0..BURST {
        let lobby = lobby.clone();
        running.spawn(async move { lobby.visit().await });
    }
    let mut visits = Vec::new();
    while let Some(visit) = running.join_next().await {
        visits.push(visit??);
    }
    Ok(visits)
}

/// What a peer that somebody has visited holds, once it is left alone.
async fn memory(lobby: &Lobby, table: &mut Table) -> anyhow::Result<()> {
    until("all are there", async || {
        let held = lobby.count("held").await.ok()?;
        (held == BURST).then_some(())
    })
    .await?;
    tokio::time::sleep(IDLE).await;
    let resident = lobby.resident_kib().await?;
    table.figure("idle peer with page, resident", "MiB", resident / 1024.0, Some(Target::AtMost(15.0)));
    Ok(())
}

/// Sorts, too.
fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().context("there are times").unwrap_or(f64::NAN)
}
