//! `causeway topology verify`.

use proto::topology::v1::{VerifiedLog, VerifyRequest};
use serde_json::json;

use super::call;
use crate::{
    args::VerifyArgs,
    exit::{Failure, Fault},
    output, past,
};

pub(super) async fn run(args: VerifyArgs) -> anyhow::Result<()> {
    let verified = past::open_unchecked(&args.ask.source).await?.verify(VerifyRequest {}).await?.into_inner();
    for log in &verified.logs {
        if args.ask.json { log_json(log)? } else { log_line(log)? }
    }
    if args.ask.json {
        output::object(&json!({
            "type": "result",
            "good": verified.good,
            "logs": verified.logs.len(),
            "events": verified.events,
            "signatures": verified.signatures,
            "faults": verified.faults,
        }))?;
    } else {
        let summary = format!(
            "{} good events in {}, {} signatures hold",
            verified.events,
            output::count(u32::try_from(verified.logs.len()).unwrap_or(u32::MAX), "log", "logs"),
            verified.signatures
        );
        verified
            .faults
            .iter()
            .try_for_each(|fault| output::line(&format!("fault: {}", output::harmless(fault))))?;
        output::line(&summary)?;
    }
    if verified.good {
        return Ok(());
    }
    Err(Fault::error(
        Failure::CheckFailed,
        "not all of it is what its owners signed; what is named good above can be relied on",
    ))
}

fn log_json(log: &VerifiedLog) -> anyhow::Result<()> {
    Ok(output::object(&json!({
        "type": "log",
        "bridge": output::id(&log.owner),
        "bridge_name": log.name,
        "epoch": data_encoding::HEXLOWER.encode(&log.epoch),
        "good": log.good,
        "last_good": log.last_good_text,
        "bad": if log.bad == 0 { serde_json::Value::Null } else { json!(log.bad) },
        "what": log.what,
        "begins": log.begins,
    }))?)
}

fn log_line(log: &VerifiedLog) -> anyhow::Result<()> {
    let name = call(&log.name, &log.owner);
    let epoch = data_encoding::HEXLOWER.encode(log.epoch.get(..6).unwrap_or_default());
    let good = if log.good == 0 {
        "nothing is good".to_owned()
    } else {
        format!("good up to event {}, {}", log.good, output::clock_millis(&log.last_good_text))
    };
    output::line(&format!("{name}  run {epoch}: {good}"))?;
    if !log.begins.is_empty() {
        output::line(&format!("    {}", output::harmless(&log.begins)))?;
    }
    if log.bad > 0 {
        output::line(&format!("    event {}: {}", log.bad, output::harmless(&log.what)))?;
    }
    Ok(())
}
