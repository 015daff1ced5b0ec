//! `causeway demo`: two networks on this machine, told as a story and proved step by step.

mod node;
mod proof;
mod story;
mod world;

use std::time::Duration;

use super::signals::Signals;
use crate::{
    args::Demo,
    exit::{Failure, Fault},
    output,
};
use story::Story;
use world::World;

/// More than any step takes on a slow machine.
const STEP_LIMIT: Duration = Duration::from_secs(30);

pub(super) async fn run(args: Demo) -> anyhow::Result<()> {
    let mut signals = Signals::listen()?;
    let mut world = World::new()?;
    let outcome = tokio::select! {
        biased;
        () = signals.next() => Ok(()),
        told = tell(&mut world, args.exit) => told,
    };
    if outcome.is_err() {
        world.tell_who_ended().await;
    } else if !args.exit {
        signals.next().await;
        output::line("\nStopping all of them, and removing what they stored.")?;
    }
    world.stop().await;
    outcome
}

async fn tell(world: &mut World, exit: bool) -> anyhow::Result<()> {
    let mut story = Story::new();
    step("start the bridges", story.start_bridges(world)).await?;
    step("link the bridges", story.link(world)).await?;
    step("start the peers", story.start_peers(world)).await?;
    step("find each other", story.find_each_other(world)).await?;
    let before = step("look at what the bridges carried", story.carried(world)).await?;
    step("talk on one LAN", story.talk_at_home(world)).await?;
    step("talk across", story.talk_across(world)).await?;
    step("read receipt", story.read_receipt(world)).await?;
    step("the link carried it", story.prove_crossing(world, before)).await?;
    step("no direct connection", async { story.prove_no_direct_socket(world) }).await?;
    step("only ciphertext at the bridges", async { story.prove_blindness(world, exit) }).await?;
    step("keep a peer for whoever comes", story.open_lobby(world)).await?;
    story.end(world, exit).await
}

async fn step<T>(name: &str, told: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let failed =
        |why: String| Fault::error(Failure::CheckFailed, format!("the demo failed at `{name}`: {why}"));
    match tokio::time::timeout(STEP_LIMIT, told).await {
        Ok(outcome) => outcome.map_err(|error| failed(format!("{error:#}"))),
        Err(_) => Err(failed(format!("it took longer than {} s", STEP_LIMIT.as_secs()))),
    }
}
