//! `causeway topology simulate`.

use gateway::past::{DropLink, Run, Simulated, json, simulate_file};
use serde_json::json;

use super::{diff::change_line, event_line};
use crate::{
    args::SimulateArgs,
    exit::{Failure, Fault},
    output,
};

pub(super) async fn run(args: SimulateArgs) -> anyhow::Result<()> {
    let seed = args.seed.map(|seed| {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_be_bytes());
        bytes
    });
    let what_if = seed.is_some() || !args.drop_links.is_empty();
    let drops: Vec<DropLink> =
        args.drop_links.iter().map(|drop| (drop.one.clone(), drop.other.clone(), drop.at.millis())).collect();
    let file = args.file;
    let simulated = tokio::task::spawn_blocking(move || simulate_file(&file, seed, &drops)).await??;
    for note in &simulated.notes {
        eprintln!("causeway: {note}");
    }
    if args.json {
        as_json(&simulated)?;
    } else {
        as_text(&simulated, what_if)?;
    }
    // As it was, and yet another log: the record is not what happened, or this program is not the one that ran.
    if what_if || simulated.is_same() {
        return Ok(());
    }
    Err(Fault::error(
        Failure::CheckFailed,
        "the journal does not give the log that was: another version of the program wrote it, or one of the two is not what \
         it was",
    ))
}

fn as_json(simulated: &Simulated) -> anyhow::Result<()> {
    for run in &simulated.runs {
        let [was, came] =
            run.only.each_ref().map(|events| events.iter().map(json::event).collect::<Vec<_>>());
        output::object(&json!({
            "type": "run",
            "began": run.began,
            "events": run.was,
            "simulated_events": run.came,
            "differs_at": run.differs_at,
            "only_was": was,
            "only_simulated": came,
        }))?;
    }
    for change in &simulated.changes {
        let mut change = json::change(change);
        change["type"] = json!("change");
        output::object(&change)?;
    }
    Ok(output::object(&json!({
        "type": "result",
        "bridge": simulated.bridge.to_string(),
        "bridge_name": simulated.name,
        "records": simulated.records,
        "skipped": simulated.skipped,
        "runs": simulated.runs.len(),
        "same": simulated.is_same(),
    }))?)
}

fn as_text(simulated: &Simulated, what_if: bool) -> anyhow::Result<()> {
    let name = output::harmless(&simulated.name);
    output::line(&format!(
        "{} records of {} of {name} went through the core again",
        simulated.records,
        output::count(u32::try_from(simulated.runs.len()).unwrap_or(u32::MAX), "run", "runs")
    ))?;
    if simulated.skipped > 0 {
        output::line(&format!(
            "{} older records belong to a run whose beginning was dropped, and were left out",
            simulated.skipped
        ))?;
    }
    simulated.runs.iter().try_for_each(run_text)?;
    if !what_if {
        return Ok(());
    }
    if simulated.changes.is_empty() {
        return Ok(output::line("\nin the end nothing would have been otherwise")?);
    }
    output::line("\nin the end it would have been otherwise:")?;
    simulated.changes.iter().try_for_each(|change| output::line(&change_line(change)))?;
    Ok(output::line("\n(what other bridges sent is as it was: they were not simulated)")?)
}

fn run_text(run: &Run) -> anyhow::Result<()> {
    let began = output::clock(&run.began);
    let Some(at) = run.differs_at else {
        return Ok(output::line(&format!(
            "run of {began}: {} events, byte for byte those that were",
            run.was
        ))?);
    };
    output::line(&format!(
        "run of {began}: {} events were, {} came out, other ones from event {at} on",
        run.was, run.came
    ))?;
    for (title, events) in
        ["was, and would not have been", "would have been instead"].into_iter().zip(&run.only)
    {
        if !events.is_empty() {
            output::line(&format!("  {title}:"))?;
        }
        events.iter().try_for_each(|event| output::line(&format!("    {}", event_line(event))))?;
    }
    if run.only.iter().all(Vec::is_empty) {
        output::line("  the same things happened, at other times or under another name of the run")?;
    }
    Ok(())
}
